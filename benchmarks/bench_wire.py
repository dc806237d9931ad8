"""What do codes on the wire save, and what do they cost?

    VOXDUCT_DATA=shared/data python benchmarks/bench_wire.py [--rounds 5] [--piece-ms 100]

The embedded codec; Lyra's, too, where the data folder holds lyra/ with Lyra's three .tflite files.

Bytes: of WebSocket messages for one second of sound, with their own headers (2 to 4 bytes, and 4 of a client's mask),
without what TCP, IP and TLS add: at 40 bytes of TCP and IP for each message, ten messages a second are another 400.
The microphone sends a message every `--piece-ms`; speech comes in the jobs' own pieces.

Cost: milliseconds of processor time of one thread for one second of sound, the median of the rounds, in which all kinds
take turns. `server_ms` of the microphone is decoding, which PCM does not need; of speech it is all of a session's
speaking: compare it with PCM's. `client_ms` is what the client's encoder or decoder takes, on this machine.

What a recogniser makes of the codes is `voxduct bench codec`'s question.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import soundfile
from threadpoolctl import threadpool_limits

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.codec.clip import resample
from voxduct.codec.stretches import SpeechDecoder, StretchDecoder, StretchEncoder, WireCodec
from voxduct.coded import CodedSound
from voxduct.events import SpeechAudio, SpeechCodes
from voxduct.loading import LYRA_CODECS, OWN_CODEC, EngineOptions, load_own_synthesiser, load_wire_codecs
from voxduct.onnx.lyra import LyraCodec, LyraModel
from voxduct.onnx.prepare.lyra import prepare_lyra
from voxduct.session.coded_speech import coded_speech
from voxduct.tts.sentence import SpokenSentence
from voxduct.tts.stream import SpeechStream
from voxduct.tts.synthesiser import Synthesiser

CLIPS = Path(__file__).parent / "data" / "demo"
TEXT = "Good evening, and welcome. The train to the harbour leaves in ten minutes. Please mind the gap!"
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
    options = parser.parse_args()
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        voice = load_own_synthesiser(EngineOptions())
        codecs = load_codecs(voice, Path(folder))
        rows = measure(codecs, voice, options.rounds, options.piece_ms * SAMPLE_RATE // 1000)
    told = [row.told() for row in rows]
    for row in told:
        print("  ".join(f"{value!s:>18}" for value in row.values()))
    print(json.dumps({"metric": "wire", "rounds": options.rounds, "load": os.getloadavg()[0], "rows": told}))
    return 0


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
    kinds: dict[str, WireCodec | None] = {"s16le": None, **codecs}
    heard = {name: Row("microphone", name) for name in kinds}
    said = {name: Row("speech", name) for name in kinds}
    for _ in range(rounds):
        for name, codec in kinds.items():
            microphone(heard[name], codec, sound, piece)
            speech(said[name], codec, voice)
    return [*heard.values(), *said.values()]


def microphone(row: Row, codec: WireCodec | None, sound: Samples, piece: int) -> None:
    """A clip from a client to samples on the server."""
    pieces = [sound[start : start + piece] for start in range(0, len(sound), piece)]
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
