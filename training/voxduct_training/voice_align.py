"""Phone times for recordings of the neural voice: forced alignment with flite's phones of the same text.

The aligner learns from speech whose phone times are known (`--learn`). Drops clips that speak faster than 28
characters a second, last longer than 12 s, or fit their text worst, on the whole or at their worst phones (some first
words of that material are clipped).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .code_lm_model import UNK
from .codec_dsp import RATE
from .voice_aligner import HOP, IDS, Aligner, clip, learn, lines
from .voice_evaluate import phones_of

MINIMUM = 2  # frames of a phone
PITCH_RANGE = 0.5  # octaves about the usual pitch
LEAST_VOICED, LEAST_STEADY = 0.3, 0.8  # shares of a clip, and of what is voiced in it
NEIGHBOURS = 3  # phones that are judged together: a single one may well be spoken otherwise


@dataclass
class Aligned:
    phones: list[tuple[str, int]]  # and the sample where each ends
    cost: float  # mean surprise of a frame, in nats
    worst: float  # the same of the NEIGHBOURS phones that fit worst


def moves(optional: np.ndarray) -> np.ndarray:
    """[3, states] 0 or -inf: to stay, to come from the state before, to come from before an optional place."""
    states = len(optional) * MINIMUM
    allowed = np.full((3, states), -np.inf)
    allowed[0, MINIMUM - 1 :: MINIMUM] = 0.0
    allowed[1, 1:] = 0.0
    allowed[2, (np.flatnonzero(optional) + 1) * MINIMUM] = 0.0
    return allowed


def viterbi(scores: np.ndarray, optional: np.ndarray) -> np.ndarray | None:
    """[frames, places] -> the place of every frame on the best path, or None when there are too few frames.

    A place is a chain of MINIMUM states of which the last may repeat (Rabiner, "A tutorial on hidden Markov models",
    1989). An optional place may be passed over; neither the first, nor the last, nor two in a row are optional.
    """
    steps, allowed = (0, 1, MINIMUM + 1), moves(optional)
    states = np.repeat(scores, MINIMUM, axis=1)
    total = np.full(states.shape[1], -np.inf)
    total[0] = states[0, 0]
    came = np.zeros(states.shape, np.int64)
    for t in range(1, len(states)):
        options = allowed.copy()
        for option, step in zip(options, steps, strict=True):
            option[step:] += total[: len(total) - step]
        best = options.argmax(0)
        came[t] = np.take(steps, best)
        total = options.max(0) + states[t]
    if total[-1] == -np.inf:
        return None
    path = np.full(len(states), states.shape[1] - 1)
    for t in range(len(states) - 1, 0, -1):
        path[t - 1] = path[t] - came[t, path[t]]
    return path // MINIMUM


def one_pause(phones: list[str]) -> list[str]:
    """Phones between two pauses, and no pause after another."""
    found = ["pau", *phones, "pau"]
    return [p for p, after in zip(found, [*found[1:], ""], strict=True) if (p, after) != ("pau", "pau")]


def align(phones: list[str], posteriors: np.ndarray, prior: np.ndarray) -> Aligned | None:
    """One clip from the log posteriors [frames, PHONES] of its frames; None when it is too short for its phones."""
    ids = np.array([IDS.get(p, UNK) for p in phones])
    optional = ids == IDS["pau"]
    optional[[0, -1]] = False
    path = viterbi((posteriors - prior)[:, ids], optional)
    if path is None:
        return None
    surprise = -posteriors[np.arange(len(path)), ids[path]]
    begins = np.flatnonzero(np.diff(path, prepend=-1))
    spoken = [phones[place] for place in path[begins]]
    means = np.add.reduceat(surprise, begins) / np.diff(begins, append=len(path))
    near = np.convolve(means, np.full(NEIGHBOURS, 1 / NEIGHBOURS), "valid")
    ends = [int(end) * HOP for end in [*begins[1:], len(path)]]
    return Aligned(list(zip(spoken, ends, strict=True)), float(surprise.mean()), float(near.max()))


def aligned(folder: Path, aligner: Aligner, processes: int) -> Iterator[tuple[dict[str, Any], Aligned]]:
    """The clips of a folder that are slow and short enough."""
    chosen = [x for x in lines(folder / "index.jsonl") if len(x["text"]) / x["samples"] * RATE <= 28]
    chosen = [x for x in chosen if RATE // 2 <= x["samples"] <= 12 * RATE]
    with ThreadPool(processes) as pool:
        for line, (phones, _) in zip(chosen, pool.imap(cache(phones_of), [x["text"] for x in chosen]), strict=True):
            found = align(one_pause(phones), aligner.posteriors(clip(folder, line)), aligner.prior)
            if found is not None:
                found.phones[-1] = ("pau", line["samples"])
                yield line, found


@dataclass(frozen=True, slots=True)
class Voicing:
    """Pitch and voicing of a folder's sound every HOP samples."""

    pitch: np.ndarray  # log2 of 120 Hz
    voiced: np.ndarray  # 0 or 1

    @classmethod
    def load(cls, folder: Path) -> Voicing:
        """What `codec_data` wrote beside the sound."""
        found = np.load(folder / "pitch.npz")
        return cls(found["pitch"], found["voiced"] > 0)

    def is_steady(self, line: dict[str, Any]) -> bool:
        """Whether a clip is voiced as speech is, and near the folder's usual pitch: neural voices break into creak."""
        here = slice(line["at"] // HOP, (line["at"] + line["samples"]) // HOP)
        voiced = self.voiced[here]
        near = np.abs(self.pitch[here][voiced] - np.median(self.pitch[self.voiced])) < PITCH_RANGE
        return bool(voiced.mean() > LEAST_VOICED and near.mean() > LEAST_STEADY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--learn", type=Path, action="append", help="folder with phone times; default: flite beside it")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=30, help="learnt of every folder")
    parser.add_argument(
        "--keep", type=float, default=0.85, help="share of clips kept by fit, and by their worst phones"
    )
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.processes)
    aligner = learn(given.learn or [given.folder.parent / "flite"], given.steps, given.minutes)
    found = list(aligned(given.folder, aligner, given.processes))
    cost, worst = (np.quantile([getattr(x, name) for _, x in found], given.keep) for name in ("cost", "worst"))
    kept = [(line, x) for line, x in found if x.cost <= cost and x.worst <= worst]
    voicing = Voicing.load(given.folder)
    kept = [(line, x) for line, x in kept if voicing.is_steady(line)]
    with open(given.folder / "aligned.jsonl", "w", encoding="utf-8") as file:
        rows = ({**line, "speaker": "nova", "phones": x.phones, "cost": x.cost} for line, x in kept)
        file.writelines(json.dumps(row) + "\n" for row in rows)
    print(f"{len(found)} clips slow enough, {len(kept)} kept under cost {cost:.3f} and {worst:.3f} at the worst phones")


if __name__ == "__main__":
    main()
