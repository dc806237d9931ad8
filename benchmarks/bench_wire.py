"""What do codes on the wire save, what do they cost, and how many words are lost by them?

    VOXDUCT_DATA=shared/data python benchmarks/bench_wire.py [--rounds 5] [--piece-ms 100] [--clips FOLDER] [--count N]

The embedded codec; Lyra's, too, where the data folder holds lyra/ with Lyra's three .tflite files.

Bytes: of WebSocket messages for one second of sound, with their own headers (2 to 4 bytes, and 4 of a client's mask),
without what TCP, IP and TLS add: at 40 bytes of TCP and IP for each message, ten messages a second are another 400.
The microphone sends a message every `--piece-ms`; speech comes in the jobs' own pieces.

Cost: milliseconds of processor time of one thread for one second of sound, the median of the rounds, in which all kinds
take turns. `server_ms` of the microphone is decoding, which PCM does not need; of speech it is all of a session's
speaking: compare it with PCM's. `client_ms` is what the client's encoder or decoder takes, on this machine.

Words: of the 24 bundled held-out clips (made by synthesisers, some in noise and in rooms), and of the clips in FOLDER,
which holds sound files and transcripts.tsv. Each goes over the wire as a microphone sends it, and is heard alone by the
embedded recogniser and by PocketSphinx where that is installed. `wer` is as `voxduct.bench.scoring` defines it;
`worse` is how many words more are wrong than with PCM, and `loss` the same as a share of all words. With few clips
these are a few words either way: `clips_worse` and `clips_better` say in how many clips there was a difference.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import soundfile
from threadpoolctl import threadpool_limits

from voxduct.audio import SAMPLE_RATE, Samples, float_to_pcm16, pcm16_to_float
from voxduct.bench.bundled import bundled
from voxduct.bench.clips import Clip, read_clips
from voxduct.bench.codec import find_judges
from voxduct.bench.progress import tracked
from voxduct.bench.scoring import WordErrors, word_errors
from voxduct.codec.clip import resample
from voxduct.codec.stretches import SpeechDecoder, StretchDecoder, StretchEncoder, WireCodec
from voxduct.coded import CodedSound
from voxduct.events import SpeechAudio, SpeechCodes
from voxduct.loading import (
    LYRA_CODECS,
    OWN_CODEC,
    EngineOptions,
    load_engine,
    load_own_synthesiser,
    load_wire_codecs,
)
from voxduct.offline import hear_text
from voxduct.onnx.lyra import LyraCodec, LyraModel
from voxduct.onnx.prepare.lyra import prepare_lyra
from voxduct.session.coded_speech import coded_speech
from voxduct.tts.sentence import SpokenSentence
from voxduct.tts.stream import SpeechStream
from voxduct.tts.synthesiser import Synthesiser

CLIPS = Path(__file__).parent / "data" / "demo"
TEXT = "Good evening, and welcome. The train to the harbour leaves in ten minutes. Please mind the gap!"
PCM = "s16le"
PCM_BYTES = 2
MASK_BYTES = 4


@dataclass
class Row:
    """One kind of sound on the wire, in one direction."""

    direction: str
    encoding: str
    seconds: float = 0.0
    wire_bytes: int = 0
    server_s: list[float] = field(default_factory=list)
    client_s: list[float] = field(default_factory=list)

    def told(self) -> dict[str, object]:
        """The row in print."""
        return {
            "direction": self.direction,
            "encoding": self.encoding,
            "bytes_per_s": round(self.wire_bytes / self.seconds),
            "server_ms": round(1000 * median(self.server_s) / self.seconds, 1) if self.server_s else 0.0,
            "client_ms": round(1000 * median(self.client_s) / self.seconds, 1) if self.client_s else 0.0,
        }


def main() -> int:
    """Prints a table, and as the last line one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is done (default 5)")
    parser.add_argument("--piece-ms", type=int, default=100, help="a microphone's messages (default 100)")
    parser.add_argument("--clips", type=Path, metavar="FOLDER", help="count words of these clips as well")
    parser.add_argument("--count", type=int, help="only the first so many clips of each kind")
    options = parser.parse_args()
    piece = options.piece_ms * SAMPLE_RATE // 1000
    sets = {"held-out": read_clips(bundled("heldout_clips"))}
    if options.clips is not None:
        sets[options.clips.name] = read_clips(options.clips)
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        voice = load_own_synthesiser(EngineOptions())
        codecs = load_codecs(voice, Path(folder))
        told = [row.told() for row in measure(codecs, voice, options.rounds, piece)]
        show(told)
        words: list[dict[str, object]] = []
        for name, clips in sets.items():
            words += (found := count_words(name, clips[: options.count], codecs, piece))
            show(found)
    result = {"metric": "wire", "rounds": options.rounds, "load": os.getloadavg()[0], "rows": told, "words": words}
    print(json.dumps(result))
    return 0


def show(rows: Sequence[Mapping[str, object]]) -> None:
    """A table, by the names of the first row."""
    lines: list[Iterable[object]] = [rows[0], *(row.values() for row in rows)]
    for line in lines:
        print("  ".join(f"{value!s:>18}" for value in line), flush=True)


def load_codecs(voice: Synthesiser, folder: Path) -> dict[str, WireCodec]:
    """The embedded codec, and Lyra's where its files are."""
    codecs = load_wire_codecs(EngineOptions(wire_codecs=(OWN_CODEC,)), voice.codec)
    files = Path(os.environ.get("VOXDUCT_DATA", "../shared/data")) / "lyra"
    if not (files / "lyragan.tflite").is_file():
        print(f"without Lyra: {files} has no files of it", file=sys.stderr)
        return codecs
    model = LyraModel(prepare_lyra(files, folder / "lyra"))
    for name, rate in LYRA_CODECS.items():
        codecs[name] = WireCodec.of(LyraCodec(model, rate), name, "published")
    return codecs


def measure(codecs: dict[str, WireCodec], voice: Synthesiser, rounds: int, piece: int) -> list[Row]:
    """All kinds in turn, so many times."""
    clip, rate = soundfile.read(CLIPS / "demo-00.opus", dtype="float32")
    sound = resample(clip, rate)
    kinds: dict[str, WireCodec | None] = {PCM: None, **codecs}
    heard = {name: Row("microphone", name) for name in kinds}
    said = {name: Row("speech", name) for name in kinds}
    for _ in range(rounds):
        for name, codec in kinds.items():
            microphone(heard[name], codec, sound, piece)
            speech(said[name], codec, voice)
    return [*heard.values(), *said.values()]


def microphone(row: Row, codec: WireCodec | None, sound: Samples, piece: int) -> None:
    """A clip from a client to samples on the server."""
    pieces = cut(sound, piece)
    row.seconds = len(sound) / SAMPLE_RATE
    if codec is None:
        row.wire_bytes = sum(message_bytes(one.size * PCM_BYTES) + MASK_BYTES for one in pieces)
        return
    encoder, decoder = StretchEncoder(codec), StretchDecoder(codec)
    sounds: list[CodedSound] = []
    row.client_s.append(spent(lambda: sounds.extend(one for part in pieces for one in encoder.feed(part))))
    packets = [codec.format.encode(one) for one in [*sounds, *encoder.end()]]
    row.wire_bytes = sum(message_bytes(len(packet)) + MASK_BYTES for packet in packets)
    row.server_s.append(spent(lambda: [decoder.decode(codec.format.decode(packet)) for packet in packets]))


def speech(row: Row, codec: WireCodec | None, voice: Synthesiser) -> None:
    """A text to speech that a client could play."""
    form = SpokenSentence if codec is None else coded_speech(codec, voice.codec)
    stream = SpeechStream(voice, "a", form=form)
    stream.feed(TEXT)
    stream.end()
    made: list[SpeechAudio | SpeechCodes] = []

    def speak() -> None:
        while (job := stream.next_job()) is not None:
            made.extend(event for event in stream.receive(job.run()) if isinstance(event, SpeechAudio | SpeechCodes))

    row.server_s.append(spent(speak))
    row.seconds = sum(event.size for event in made) / SAMPLE_RATE
    if codec is None:
        row.wire_bytes = sum(message_bytes(event.size * PCM_BYTES) for event in made)
        return
    sounds = [event.sound for event in made if isinstance(event, SpeechCodes)]
    row.wire_bytes = sum(message_bytes(len(codec.format.encode(one))) for one in sounds)
    decoder = SpeechDecoder(codec)
    row.client_s.append(spent(lambda: np.concatenate([decoder.decode(one) for one in sounds])))


def count_words(
    name: str, clips: Sequence[Clip], codecs: Mapping[str, WireCodec], piece: int
) -> list[dict[str, object]]:
    """What each recogniser gets wrong of clips that came as each kind of sound."""
    engine = load_engine(EngineOptions(), speaks=False)
    ears = find_judges(lambda samples: hear_text(engine, samples)).ears
    kinds: dict[str, WireCodec | None] = {PCM: None, **codecs}
    arrived = {kind: [arrive(codec, clip.samples(), piece) for clip in clips] for kind, codec in kinds.items()}
    found: dict[tuple[str, str], list[WordErrors]] = {}
    # One kind after the other, not clip by clip: PocketSphinx goes on adapting, and would know a clip already.
    for ear, kind in tracked([(ear, kind) for ear in ears for kind in kinds], name):
        heard = zip(clips, arrived[kind], strict=True)
        found[ear, kind] = [word_errors(clip.text, ears[ear](samples)) for clip, samples in heard]
    return [told_words(name, ear, kind, errors, found[ear, PCM]) for (ear, kind), errors in found.items()]


def arrive(codec: WireCodec | None, sound: Samples, piece: int) -> Samples:
    """What the server hears of a clip."""
    if codec is None:
        return pcm16_to_float(float_to_pcm16(sound))
    encoder, decoder = StretchEncoder(codec), StretchDecoder(codec)
    sounds = [one for part in cut(sound, piece) for one in encoder.feed(part)] + encoder.end()
    return np.concatenate([decoder.decode(codec.format.decode(codec.format.encode(one))) for one in sounds])


def told_words(
    name: str, ear: str, kind: str, errors: Sequence[WordErrors], before: Sequence[WordErrors]
) -> dict[str, object]:
    """A row in print; `before` are the same clips' errors with PCM."""
    total, worse = (
        sum(errors, WordErrors()),
        [now.errors - then.errors for now, then in zip(errors, before, strict=True)],
    )
    return {
        "clips": name,
        "ear": ear,
        "encoding": kind,
        "words": total.words,
        "wer": round(total.rate, 4),
        "worse": sum(worse),
        "loss": round(sum(worse) / total.words, 4),
        "clips_worse": sum(more > 0 for more in worse),
        "clips_better": sum(more < 0 for more in worse),
    }


def cut(sound: Samples, piece: int) -> list[Samples]:
    """A clip as a microphone hands it over."""
    return [sound[start : start + piece] for start in range(0, len(sound), piece)]


def message_bytes(payload: int) -> int:
    """Bytes of a WebSocket message of so many, unmasked."""
    return payload + (2 if payload < 126 else 4)


def spent(work: Callable[[], object]) -> float:
    """Seconds of this thread's processor time that the work takes."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


if __name__ == "__main__":
    sys.exit(main())
