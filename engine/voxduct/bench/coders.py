"""What `bench codec` compares: our codec, Lyra and Opus behind one interface, from whole clips to whole clips."""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.ogg import packet_sizes
from voxduct.codec.fewer_books import rates_kbps
from voxduct.codec.lyra import Rate
from voxduct.codec.lyra import pack_stream as pack_lyra
from voxduct.codec.stream import decode_all, encode_all
from voxduct.errors import ExtraError, HubError, ServerError
from voxduct.loading import EngineOptions, load_codec, load_codec_at, load_lyra
from voxduct.models import Codec
from voxduct.onnx.lyra import LyraCodec, LyraModel
from voxduct.onnx.prepare.lyra import prepare_lyra
from voxduct.onnx.runtime import OrtOptions

OURS, LYRA, OPUS = "voxduct", "lyra", "opus"
NAMES = (OURS, LYRA, OPUS)
OPUS_KBPS = (6, 12)
OPUS_HEADERS = 2  # packets that say what it is, and tags
PROGRAM = "ffmpeg"


class Coder(Protocol):
    """One codec at one rate."""

    name: str
    lags: bool
    """Whether what it decodes is late by a delay that is not known."""

    def encode(self, samples: Samples) -> object:
        """A clip, shape [n] at 16 kHz, to whatever `bits` and `decode` take."""

    def bits(self, coded: object) -> int:
        """How many are sent: codes or packets, without the headers of files."""

    def decode(self, coded: object) -> Samples:
        """The clip, possibly somewhat longer."""

    def startup_s(self) -> float:
        """Processor seconds that each call takes only because it starts a program."""


class ModelCoder:
    """Any of our codecs."""

    lags = False

    def __init__(self, name: str, codec: Codec, delay_samples: int = 0) -> None:
        self.name, self._codec, self._delay = name, codec, delay_samples

    def encode(self, samples: Samples) -> object:
        """Codes of shape [books, frames]."""
        return encode_all(samples, self._codec, self._delay)

    def bits(self, coded: object) -> int:
        """Of every code as many as the codebook's size asks for."""
        assert isinstance(coded, np.ndarray)
        if isinstance(self._codec, LyraCodec):
            return 8 * len(pack_lyra(coded))
        return int(coded.size) * (self._codec.cardinality - 1).bit_length()

    def decode(self, coded: object) -> Samples:
        """The sound."""
        assert isinstance(coded, np.ndarray)
        return decode_all(coded, self._codec, self._delay)

    def startup_s(self) -> float:
        """No program is started."""
        return 0.0


class OpusCoder:
    """libopus for speech, as ffmpeg runs it; raises ServerError where ffmpeg fails."""

    lags = True

    def __init__(self, kbps: int, program: str) -> None:
        self.name = f"{OPUS}-{kbps}"
        self._kbps, self._program = kbps, program
        self._startup_s: float | None = None

    def encode(self, samples: Samples) -> object:
        """An Ogg file."""
        sound = ["-f", "f32le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "pipe:0"]
        coder = ["-c:a", "libopus", "-application", "voip", "-b:a", f"{self._kbps}k", "-f", "ogg", "pipe:1"]
        return self._run([*sound, *coder], samples.astype("<f4").tobytes())

    def bits(self, coded: object) -> int:
        """Of Opus packets, without Ogg around them."""
        assert isinstance(coded, bytes)
        return 8 * sum(packet_sizes(coded)[OPUS_HEADERS:])

    def decode(self, coded: object) -> Samples:
        """At 16 kHz."""
        assert isinstance(coded, bytes)
        sound = ["-f", "f32le", "-ar", str(SAMPLE_RATE), "-ac", "1", "pipe:1"]
        decoded = self._run(["-f", "ogg", "-i", "pipe:0", *sound], coded)
        return np.frombuffer(decoded, "<f4").astype(np.float32)

    def startup_s(self) -> float:
        """The least of a few runs over next to nothing, measured once."""
        if self._startup_s is None:
            nothing = np.zeros(SAMPLE_RATE // 50, np.float32)
            self._startup_s = min(self._timed(nothing) for _ in range(3))
        return self._startup_s

    def _timed(self, samples: Samples) -> float:
        before = processor_s()
        self.encode(samples)
        return processor_s() - before

    def _run(self, arguments: Sequence[str], given: bytes) -> bytes:
        command = [self._program, "-hide_banner", "-loglevel", "error", "-threads", "1", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, check=False)
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise ServerError(f"{PROGRAM} failed: {lines[-1][:200]}")
        return done.stdout


def processor_s() -> float:
    """Processor seconds so far, of all threads, and of programs that were started and have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def our_coders(options: EngineOptions) -> list[Coder]:
    """The embedded codec at all its rates but the lowest; raises ModelError as `load_codec` does."""
    coders: list[Coder] = []
    for kbps in rates_kbps(load_codec(options))[1:]:
        codec, delay = load_codec_at(options, kbps)
        coders.append(ModelCoder(f"{OURS}-{kbps:g}", codec, delay))
    return coders


def lyra_coders(options: EngineOptions, folder: Path | None) -> list[Coder]:
    """Lyra at its three rates, from a folder with its files (converted anew) or as it was pulled.

    Raises:
        HubError: no folder was given, and it was not pulled.
        ExtraError: what converts it is not installed.
        ModelError: its files are missing or damaged.
    """
    if folder is None:
        codecs = [load_lyra(options, rate) for rate in Rate]
    else:
        with tempfile.TemporaryDirectory() as aside:
            made = prepare_lyra(folder, Path(aside) / LYRA)
            model = LyraModel(made, OrtOptions(provider=options.device, intra_op_threads=options.threads))
        codecs = [LyraCodec(model, rate) for rate in Rate]
    return [ModelCoder(f"{LYRA}-{codec.rate.kbps:g}", codec) for codec in codecs]


def opus_coders() -> list[Coder]:
    """Opus at its rates; raises ExtraError where the program is not there, or was built without libopus."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise ExtraError(f"Opus needs the program {PROGRAM}, which is not installed")
    coders = [OpusCoder(kbps, program) for kbps in OPUS_KBPS]
    try:
        coders[0].startup_s()
    except ServerError as error:
        raise ExtraError(f"Opus needs a {PROGRAM} with libopus; {error}") from error
    return list(coders)


def find_coders(
    names: Sequence[str], options: EngineOptions, lyra_folder: Path | None
) -> tuple[list[Coder], dict[str, str]]:
    """Those of these names, and of those that are not here the reason.

    Raises:
        ModelError: our own codec, or a folder that was given, is no good.
    """
    coders: list[Coder] = []
    missing: dict[str, str] = {}
    for name in names:
        try:
            if name == OURS:
                coders += our_coders(options)
            elif name == LYRA:
                coders += lyra_coders(options, lyra_folder)
            else:
                coders += opus_coders()
        except (ExtraError, HubError) as error:
            missing[name] = str(error)
    return coders, missing
