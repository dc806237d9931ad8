"""Phone times for recordings of the neural voice: DTW of mel-cepstra against flite's rendering of the same text.

Drops clips whose path costs too much, that speak faster than 26 characters a second, or whose ends do not fit
(some first words of that material are clipped).
"""

from __future__ import annotations

import argparse
import json
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from scipy.fft import dct

from .codec_dsp import mel_bands
from .voice_speech import RATE, Speaker, speak

HOP, FFT = 160, 512
REFERENCE = Speaker("reference", "slt", stretch=0.75)
BANDS = mel_bands(40, FFT)


def cepstra(audio: np.ndarray) -> np.ndarray:
    """[T] -> [frames, 26]: normalised mel-cepstra and their slopes."""
    count = (len(audio) - FFT) // HOP + 1
    frames = audio[np.arange(count)[:, None] * HOP + np.arange(FFT)] * np.hanning(FFT)
    mel = np.log(np.abs(np.fft.rfft(frames)) ** 2 @ BANDS.T + 1e-4)
    found = dct(mel, norm="ortho")[:, :13]
    found = (found - found.mean(0)) / (found.std(0) + 1e-3)
    slope = np.zeros_like(found)
    slope[2:-2] = found[4:] - found[:-4]
    return np.concatenate([found * np.linspace(1.2, 0.6, 13), 0.5 * slope], 1)


def warp(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
    """For every frame of `a` the matching frame of `b`, and the mean cost along the path."""
    cost = np.sqrt(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0))
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    # Anti-diagonals: every cell of one depends only on the two before it.
    for diagonal in range(2, rows + columns + 1):
        i = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        j = diagonal - i
        best = np.minimum(total[i - 1, j - 1], np.minimum(total[i - 1, j], total[i, j - 1]) + 0.3)
        total[i, j] = best + cost[i - 1, j - 1]
    match = np.zeros(rows, np.int64)
    i, j = rows, columns
    steps = 0
    while i and j:
        match[i - 1] = j - 1
        steps += 1
        moves = (total[i - 1, j - 1], total[i - 1, j] + 0.3, total[i, j - 1] + 0.3)
        which = int(np.argmin(moves))
        i, j = i - (which != 2), j - (which != 1)
    return match, float(total[rows, columns] / steps)


def align(text: str, audio: np.ndarray) -> tuple[list[tuple[str, int]], float] | None:
    """(phone, end sample) of a clip, and its cost."""
    made = speak(text, REFERENCE)
    if made is None or len(audio) < RATE // 2:
        return None
    reference, phones = made
    match, cost = warp(cepstra(reference), cepstra(audio))
    ends = []
    for phone, end in phones:
        frame = min(max((end - FFT // 2) // HOP, 0), len(match) - 1)
        ends.append((phone, int(match[frame] * HOP + FFT // 2)))
    ends[-1] = (ends[-1][0], len(audio))
    return ends, cost


def _job(job: tuple[Path, dict[str, object]]) -> dict[str, object] | None:
    folder, line = job
    at, samples, text = int(line["at"]), int(line["samples"]), str(line["text"])  # type: ignore[call-overload]
    if len(text) / (samples / RATE) > 26 or samples > 12 * RATE:
        return None
    audio = np.memmap(folder / "audio.i16", np.int16, "r")[at : at + samples].astype(np.float32) / 32768
    found = align(text, audio)
    return None if found is None else {**line, "speaker": "nova", "phones": found[0], "cost": found[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=float, default=0.75, help="share of clips kept, cheapest first")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    lines = [json.loads(x) for x in (given.folder / "index.jsonl").read_text(encoding="utf-8").splitlines()]
    with Pool(given.processes) as pool:
        found = [x for x in pool.imap(_job, [(given.folder, x) for x in lines], chunksize=8) if x is not None]
    limit = np.quantile([x["cost"] for x in found], given.keep)
    kept = [x for x in found if x["cost"] <= limit]
    with open(given.folder / "aligned.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(x) + "\n" for x in kept)
    print(f"{len(lines)} clips, {len(found)} slow enough, {len(kept)} kept under cost {limit:.3f}")


if __name__ == "__main__":
    main()
