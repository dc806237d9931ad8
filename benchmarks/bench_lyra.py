"""What do Lyra's published weights cost on ONNX Runtime, and how much of the sound comes back?

    VOXDUCT_DATA=shared/data python benchmarks/bench_lyra.py [--rounds 20]

The data folder must hold lyra/ with Lyra's three .tflite files and sample1_16kHz.wav; they are converted first.

Time: milliseconds of one thread for one 20-ms frame, encoding and decoding in turn: `frames` at a time, 1 as a call of
a live stream costs them, 5 as messages of 100 ms, 25 as a file. `ms` is the median over all calls of all rounds, `best`
the fastest round's median; a machine that is busy otherwise shows in the distance between the two. `cpu_ms` is
processor time of the whole process, so that waiting for the core does not count; sharing its caches still does. The
gate is 0.7 ms for both, of one frame at a time.

Sound: `mel_distance` is as `voxduct.bench.fidelity` defines it, `snr_db` signal over difference after the best gain,
and `segmental_snr_db` its mean over 20-ms frames of speech, each clipped to -10 to 35 dB. A generative decoder makes
sound that is alike, not equal: SNR is low where an ear hears little, so compare these with the same codec's other rates
and with nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from threadpoolctl import threadpool_limits

from voxduct.audio import Samples
from voxduct.bench.mel import mel_distance
from voxduct.codec.lyra import Rate
from voxduct.codec.stream import decode_all, encode_all
from voxduct.onnx.lyra import LyraCodec, LyraModel
from voxduct.onnx.prepare.lyra import prepare_lyra

CLIP = "sample1_16kHz.wav"
GATE_MS = 0.7
AT_ONCE = (1, 5, 25)
QUIET_DB = 40.0  # below the loudest frame, and no speech


def main() -> int:
    """Prints a table, and as the last line one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="how often the clip is run at each rate (default 20)")
    options = parser.parse_args()
    files = Path(os.environ.get("VOXDUCT_DATA", "../shared/data")) / "lyra"
    if not (files / CLIP).is_file():
        print(f"{files / CLIP} is not there; set VOXDUCT_DATA", file=sys.stderr)
        return 2
    clip, rate_hz = soundfile.read(files / CLIP, dtype="float32")
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        model = LyraModel(prepare_lyra(files, Path(folder) / "lyra"))
        loaded = time.perf_counter() - started
        rows = [measure(LyraCodec(model, rate), clip, options.rounds, frames) for rate in Rate for frames in AT_ONCE]
    for row in rows:
        print("  ".join(f"{name} {value:g}" for name, value in row.items()))
    worst = max(row["best"] for row in rows if row["frames"] == 1)
    result = {"bench": "lyra", "clip_s": round(len(clip) / rate_hz, 2), "load_s": round(loaded, 2), "rates": rows}
    print(json.dumps({**result, "gate_ms": GATE_MS, "gate_met": worst <= GATE_MS}))
    return 0


def measure(codec: LyraCodec, clip: Samples, rounds: int, frames: int) -> dict[str, float]:
    """Figures of one rate, so many frames at a time."""
    size = frames * codec.frame_size
    pieces = clip[: len(clip) // size * size].reshape(-1, size)
    run(codec, pieces)  # the first touches memory that later ones only read
    cpu = time.process_time()
    times = np.stack([run(codec, pieces) for _ in range(rounds)]) * 1000 / frames  # [rounds, encode or decode, pieces]
    cpu = (time.process_time() - cpu) * 1000 / (rounds * len(pieces) * frames)
    back = decode_all(encode_all(clip, codec), codec)[: len(clip)]
    both = times.sum(axis=1)
    figures = {
        "kbps": codec.rate.kbps,
        "frames": frames,
        "encode_ms": float(np.median(times[:, 0])),
        "decode_ms": float(np.median(times[:, 1])),
        "ms": float(np.median(both)),
        "best": float(np.median(both, axis=1).min()),
        "p95_ms": float(np.percentile(both, 95)),
        "cpu_ms": cpu,
        "mel_distance": mel_distance(clip, back),
        "snr_db": snr(clip, back),
        "segmental_snr_db": segmental_snr(clip, back, codec.frame_size),
    }
    return {name: round(value, 3) for name, value in figures.items()}


def run(codec: LyraCodec, pieces: np.ndarray) -> np.ndarray:
    """Seconds of encoding and of decoding each piece of sound, shape [2, pieces]."""
    encoder, decoder = codec.new_encoder_state(), codec.new_decoder_state()
    times = np.empty((2, len(pieces)))
    for index, piece in enumerate(pieces):
        begun = time.perf_counter()
        codes = codec.encode(piece, encoder)
        encoded = time.perf_counter()
        codec.decode(codes, decoder)
        times[:, index] = encoded - begun, time.perf_counter() - encoded
    return times


def snr(clip: Samples, back: Samples) -> float:
    """Decibels, after the gain that serves `back` best."""
    gain = float(clip @ back / (back @ back))
    rest = clip - gain * back
    return float(10 * np.log10(clip @ clip / (rest @ rest)))


def segmental_snr(clip: Samples, back: Samples, size: int) -> float:
    """Mean over frames that are not quiet, decibels."""
    whole = len(clip) // size * size
    before, after = clip[:whole].reshape(-1, size), back[:whole].reshape(-1, size)
    power, noise = (before**2).mean(axis=1), ((before - after) ** 2).mean(axis=1) + 1e-12
    loud = power > power.max() * 10 ** (-QUIET_DB / 10)
    return float(np.clip(10 * np.log10(power[loud] / noise[loud]), -10, 35).mean())


if __name__ == "__main__":
    sys.exit(main())
