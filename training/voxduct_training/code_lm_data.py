"""Speech -> code frames with a phone index per frame, and the packed rows that the language model trains on.

A row is [a piece of another utterance of the same voice (the prompt)] + utterances until it is full; each utterance's
phone window ends in PAD, so at run time a prompt and a text are simply two utterances in a row.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor

from .code_lm_model import AGES, BOOKS, CODES, NONE, PAD, PHONES, UNK, delayed
from .codec_dsp import FRAME, HOP
from .codec_model import DELAY
from .codec_shipped import ShippedCodec, at_tempo

LEAD, TAIL = 1200, 4000  # samples of silence kept before and after an utterance
IDS = {phone: number for number, phone in enumerate(PHONES)}


@dataclass
class Utterance:
    speaker: str
    text: str
    codes: np.ndarray  # [4, N] int16
    phones: np.ndarray  # [N] the pointer's place, 0.. (not the phone id)
    ids: np.ndarray  # phone id of every place


def trim(line: dict, audio: np.ndarray) -> tuple[np.ndarray, list[tuple[str, int]], int]:
    """Shorten the silence at both ends, so that speech starts at once when the model has learnt it."""
    phones = [(p, e) for p, e in line["phones"]]
    begin = max(0, phones[0][1] - LEAD) if phones[0][0] == "pau" else 0
    end = len(audio)
    if phones[-1][0] == "pau" and len(phones) > 1:
        end = min(end, phones[-2][1] + TAIL)
    return audio[begin:end], [(p, min(e, end) - begin) for p, e in phones], begin


def names(phones: list[tuple[str, int]], text: str) -> list[str]:
    """flite's phones with the sentence-final pause told from the others."""
    out = [p if p in IDS else "UNK" for p, _ in phones]
    if out[-1] == "pau" and len(out) > 1:
        out[-1] = "." if text.rstrip()[-1:] in ".?!" or text[-1:].isalpha() else "pau"
    return out


def places(phones: list[tuple[str, int]], frames: int) -> np.ndarray | None:
    """The pointer's place in every code frame; every phone gets a frame. Frame n lies around sample 320 n - 80."""
    ends = np.array([max(1, round((end + DELAY // 4) / FRAME)) for _, end in phones])
    for i in range(1, len(ends)):
        ends[i] = max(ends[i], ends[i - 1] + 1)
    ends = np.minimum(ends, frames - np.arange(len(ends))[::-1])
    if ends[0] < 1:
        return None
    ends[-1] = frames
    return np.searchsorted(ends, np.arange(frames), side="right")


def encode(codec: ShippedCodec, clips: list[np.ndarray], pitches: list[np.ndarray], stretch: float) -> list[np.ndarray]:
    """int16 clips and their pitch tracks -> codes [4, N] each, with the frame appended that flushes the delay."""
    counts = [len(c) // FRAME + 1 for c in clips]
    batch = np.zeros((len(clips), 1, max(counts) * FRAME), np.float32)
    pitch = np.full((len(clips), 2 * max(counts)), np.nan, np.float32)
    for row, clip in enumerate(clips):
        size = min(len(clip), batch.shape[2])
        batch[row, 0, :size] = clip[:size] / 32768
        track = pitches[row][: pitch.shape[1]]
        pitch[row, : len(track)] = track
    vectors = [found[:count] for found, count in zip(codec.analyse(batch, pitch), counts, strict=True)]
    return [codec.quantise(v if stretch == 1 else at_tempo(v, stretch)) for v in vectors]


@dataclass(frozen=True)
class Clip:
    """An utterance before it is encoded."""

    speaker: str
    text: str
    audio: np.ndarray  # int16
    phones: list[tuple[str, int]]  # end samples
    pitch: np.ndarray  # log2, every HOP samples

    def warped(self, percent: int) -> Clip:
        """Somebody else: above 100 a smaller head, higher pitch and formants. Faster by as much, too."""
        if percent == 100:
            return self
        audio = np.clip(resample_poly(self.audio.astype(np.float32), 100, percent), -32768, 32767).astype(np.int16)
        where = np.arange(len(audio) // HOP + 2) * (percent / 100)
        pitch = self.pitch
        if len(pitch):
            pitch = np.interp(where, np.arange(len(pitch)), pitch).astype(np.float32) + np.float32(
                np.log2(percent / 100)
            )
        phones = [(phone, end * 100 // percent) for phone, end in self.phones]
        return Clip(f"{self.speaker}@{percent}", self.text, audio, phones, pitch)


Coded = tuple[str, str, np.ndarray, np.ndarray, np.ndarray]  # the fields of an Utterance


def coded(codec: ShippedCodec, clips: list[Clip], stretch: float) -> list[Coded]:
    """Those that are as long as their phones need."""
    made = []
    for clip, codes in zip(
        clips, encode(codec, [c.audio for c in clips], [c.pitch for c in clips], stretch), strict=True
    ):
        where = places([(p, int(end * stretch)) for p, end in clip.phones], codes.shape[1])
        if where is not None:
            ids = [IDS[n] for n in names(clip.phones, clip.text)]
            made.append((clip.speaker, clip.text, codes, where.astype(np.int16), np.array(ids, np.int16)))
    return made


def prepare(codec: ShippedCodec, folder: Path, out: Path, given: argparse.Namespace) -> None:
    """One .npz-like torch file of utterances; encodes in batches of similar length."""
    audio = np.memmap(folder / "audio.i16", np.int16, "r")
    lines = [
        json.loads(x)
        for x in (folder / given.index).read_text(encoding="utf-8").splitlines(keepends=True)
        if x[-1] == "\n"
    ]
    begin, end = given.skip * 3600 * 16000, (given.skip + given.hours) * 3600 * 16000
    kept = [x for x in lines if begin <= x["at"] < end and x["at"] + x["samples"] <= len(audio)]
    track = np.load(folder / "pitch.npz")["pitch"] if (folder / "pitch.npz").exists() else np.zeros(0, np.float32)
    rng = random.Random(0)
    kept.sort(key=lambda x: x["samples"])
    made = []
    for begin in range(0, len(kept), 16):
        group = kept[begin : begin + 16]
        trimmed = [trim(x, np.asarray(audio[x["at"] : x["at"] + x["samples"]])) for x in group]
        places_in_file = [(x["at"] + start) // HOP for x, (_, _, start) in zip(group, trimmed, strict=True)]
        pitches = [track[p : p + len(c) // HOP + 2] for p, (c, _, _) in zip(places_in_file, trimmed, strict=True)]
        clips = [
            Clip(given.speaker or x["speaker"], x["text"], *t[:2], p)
            for x, t, p in zip(group, trimmed, pitches, strict=True)
        ]
        for percent in (100, *([rng.choice(given.warps)] if given.warps else [])):
            made += coded(codec, [clip.warped(percent) for clip in clips], given.stretch * percent / 100)
    torch.save(made, out)
    print(f"{out.name}: {len(made)} utterances, {sum(m[2].shape[1] for m in made) / 50 / 3600:.2f} h")


def load(path: Path) -> list[Utterance]:
    return [Utterance(*item) for item in torch.load(path, weights_only=False)]


def window(places_: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places -> phone window [N, 4] (previous, current, next, next but one) and age [N]."""
    padded = np.concatenate([[PAD], ids, [PAD, PAD]])
    phones = padded[places_[:, None] + np.arange(4)]
    starts = np.flatnonzero(np.diff(places_, prepend=-1))
    age = np.arange(len(places_)) - starts[np.searchsorted(starts, np.arange(len(places_)), side="right") - 1]
    return phones, np.minimum(age, AGES - 1)


@dataclass
class Batch:
    codes: Tensor  # [B, T, 4] history, corrupted
    phones: Tensor
    age: Tensor
    target: Tensor  # [B, T, 4], NONE where there is nothing to learn
    advance: Tensor  # [B, T] 0/1, -1 unknown
    reference: Tensor  # [B, 4, R] codes for the speaker encoder


class Rows:
    """Draws packed rows, voices weighted."""

    def __init__(self, utterances: list[Utterance], weights: dict[str, float], steps: int, seed: int) -> None:
        self.by_speaker: dict[str, list[Utterance]] = defaultdict(list)
        for utterance in utterances:
            self.by_speaker[utterance.speaker].append(utterance)
        self.speakers = [s for s, found in self.by_speaker.items() if len(found) >= 4] or list(self.by_speaker)
        share = np.array([weights.get(s, weights["@" if "@" in s else "*"]) for s in self.speakers])
        self.share = share / share.sum()
        self.steps, self.rng = steps, np.random.default_rng(seed)

    def batch(self, size: int, corrupt: float = 0.08) -> Batch:
        rows = [self._row() for _ in range(size)]
        target = torch.stack([r[0] for r in rows])
        history = torch.cat([torch.full((size, 1, BOOKS), NONE), target[:, :-1]], 1)
        wrong = torch.from_numpy(self.rng.random(history.shape) < corrupt)
        history = torch.where(
            wrong & (history != NONE), torch.from_numpy(self.rng.integers(0, CODES, history.shape)), history
        )
        rest = [torch.from_numpy(np.stack([r[k] for r in rows]).astype(np.int64)) for k in (1, 2, 3, 4)]
        return Batch(history, rest[0], rest[1], target, rest[2], rest[3])

    def _row(self) -> tuple[Tensor, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        pool = self.by_speaker[self.speakers[self.rng.choice(len(self.speakers), p=self.share)]]
        pieces, count = [], 0
        if self.rng.random() < 0.7:
            pieces.append(self._prompt(pool))
            count = pieces[0][0].shape[1]
        while count < self.steps:
            one = pool[self.rng.integers(len(pool))]
            phones, age = window(one.phones, one.ids)
            last = np.append(np.diff(one.phones) > 0, True)
            pieces.append((one.codes, phones, age, last.astype(np.int64)))
            count += one.codes.shape[1]
        codes = np.concatenate([p[0] for p in pieces], 1)[:, : self.steps].astype(np.int64)
        flat = [np.concatenate([p[k] for p in pieces])[: self.steps] for k in (1, 2, 3)]
        return delayed(torch.from_numpy(codes), self.steps), flat[0], flat[1], flat[2], self._reference(pool)

    def _prompt(self, pool: list[Utterance]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """2-3 s of an utterance, between phone borders; sometimes as if nobody knew its phones."""
        one = pool[self.rng.integers(len(pool))]
        size = int(self.rng.integers(80, 151))
        begin = int(self.rng.integers(0, max(1, one.codes.shape[1] - size)))
        here = one.phones[begin : begin + size]
        phones, age = window(here - here[0], one.ids[here[0] : here[-1] + 1])
        last = np.append(np.diff(here) > 0, True).astype(np.int64)
        if self.rng.random() < 0.15:
            phones = np.full_like(phones, UNK)
            phones[:, 0] = phones[:, 2] = phones[:, 3] = UNK
            age, last = np.minimum(np.arange(len(here)), AGES - 1), np.full(len(here), -1)
        return one.codes[:, begin : begin + size], phones, age, last

    def _reference(self, pool: list[Utterance], size: int = 128) -> np.ndarray:
        one = np.concatenate([pool[self.rng.integers(len(pool))].codes for _ in range(3)], 1)
        while one.shape[1] < size:
            one = np.concatenate([one, one], 1)
        begin = int(self.rng.integers(0, one.shape[1] - size + 1))
        return one[:, begin : begin + size]


def durations(utterances: list[Utterance]) -> dict[str, dict[str, float]]:
    """Mean, 2nd percentile and 99th percentile of frames per phone."""
    found: dict[int, list[int]] = defaultdict(list)
    for one in utterances:
        for phone, frames in zip(one.ids, np.bincount(one.phones, minlength=len(one.ids)), strict=True):
            found[int(phone)].append(int(frames))
    out = {}
    for number, name in enumerate(PHONES):
        frames = np.array(found.get(number, [4]))
        out[name] = {
            "mean": round(float(frames.mean()), 2),
            "min": int(max(1, np.percentile(frames, 2))),
            "max": int(np.percentile(frames, 99)) + 1,
        }
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("codec", type=Path, help="an exported codec folder")
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--index", default="index.jsonl")
    parser.add_argument("--hours", type=float, default=99)
    parser.add_argument("--skip", type=float, default=0, help="hours to leave out at the start")
    parser.add_argument("--stretch", type=float, default=1.0, help="speak this many times as slowly, at the same pitch")
    parser.add_argument("--speaker", help="whose voice it is, instead of what the index says")
    parser.add_argument(
        "--warps", type=int, nargs="*", default=[], help="per cent: every utterance by one of these, too"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    prepare(ShippedCodec(given.codec), given.folder, given.out, given)


if __name__ == "__main__":
    main()
