"""Reference of the generation loop in numpy and PyTorch: phones in, code frames and audio out.

The engine mirrors this file. The pointer moves when the chance of *not* having moved yet falls under the phone's
threshold (0.5: the median of the predicted duration; with a spread another quantile for every phone), never before a
phone's minimum and always at three times its mean, so a text has a bounded length whatever the network says.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from .code_lm_export import read_weights
from .code_lm_model import CodeLm

FRAME = 320


def session(path: Path, threads: int = 1) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@dataclass
class Sampling:
    """How a code is drawn; `temperatures` per book, 0 = the likeliest."""

    temperatures: tuple[float, ...] = (0.6, 0.3, 0.0, 0.0)
    top_p: float = 0.8
    top_k: int = 25
    advance_threshold: float = 0.5
    advance_spread: float = 0.0  # how far a phone's own threshold may lie from it

    def thresholds(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """One per phone, by a generator of their own, so that codes are drawn as they are without a spread."""
        if self.advance_spread == 0:
            return np.full(count, self.advance_threshold)
        return self.advance_threshold + self.advance_spread * (2 * rng.spawn(1)[0].random(count) - 1)


def draw(logits: np.ndarray, temperature: float, how: Sampling, rng: np.random.Generator) -> int:
    if temperature <= 0:
        return int(logits.argmax())
    top = np.argpartition(logits, -how.top_k)[-how.top_k :]
    top = top[np.argsort(-logits[top], kind="stable")]
    chance = np.exp((logits[top] - logits[top[0]]) / temperature)
    chance /= chance.sum()
    # The likeliest code always stays; after it, as many as it takes to hold top_p of the probability.
    keep = np.cumsum(chance) - chance < how.top_p
    chance = np.where(keep, chance, 0.0)
    return int(top[np.searchsorted(np.cumsum(chance), rng.random() * chance.sum(), side="right").clip(0, len(top) - 1)])


class Pointer:
    """Where in a phone sequence the speaker is, and for how many frames."""

    def __init__(self, phones: list[int], durations: list[dict[str, float]]) -> None:
        self.padded = np.array([0, *phones, 0, 0], np.int64)
        self.size, self.durations = len(phones), durations
        self.place, self.age, self.stay = 0, 0, 1.0

    def window(self) -> np.ndarray:
        return self.padded[self.place : self.place + 4]

    def move(self, chance: float, threshold: float) -> bool:
        """After a frame: go on to the next phone or stay; true when the last phone is over (the pointer then rests)."""
        length = self.durations[self.padded[self.place + 1]]
        self.stay *= 1.0 - chance
        self.age += 1
        if self.age < length["min"] or (self.stay >= threshold and self.age < 3 * length["mean"]):
            return False
        if self.place + 1 == self.size:
            return True
        self.place, self.age, self.stay = self.place + 1, 0, 1.0
        return False


@dataclass
class Voice:
    speaker: np.ndarray  # [S]
    codes: np.ndarray  # [4, Tp]
    phones: np.ndarray  # [Tp] phone id per frame

    @classmethod
    def load(cls, path: Path) -> Voice:
        found = np.load(path)
        return cls(found["speaker"], found["prompt_codes"], found["prompt_phones"])

    def inputs(self, unknown: int) -> tuple[np.ndarray, np.ndarray]:
        """Phone windows [Tp, 4] and ages [Tp]; a prompt of unknown phones is UNK all round."""
        count = len(self.phones)
        if (self.phones == unknown).all():
            return np.full((count, 4), unknown, np.int64), np.minimum(np.arange(count), 31)
        border = np.diff(self.phones, prepend=-1) != 0
        place, starts = np.cumsum(border) - 1, np.flatnonzero(border)
        padded = np.concatenate([[0], self.phones[border], [0, 0]])
        return padded[place[:, None] + np.arange(4)], np.arange(count) - starts[place]


class Speech:
    """The language model with its cache; `frames` yields code frames [4] one by one."""

    def __init__(self, folder: Path) -> None:
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        layers, heads = self.config["num_layers"], self.config["num_heads"]
        self.model = CodeLm(heads * self.config["head_dim"], layers, heads, self.config["speaker_dim"])
        self.model.load_state_dict(read_weights(folder))
        self.model.eval()
        self.folder = folder
        self.ids = {p: n for n, p in enumerate(self.config["phones"])}
        self.durations = [self.config["phone_durations"][p] for p in self.config["phones"]]
        self.delays, self.none = self.config["delays"], self.config["none_code"]

    def voice(self, name: str) -> Voice:
        return Voice.load(self.folder / "voices" / f"{name}.npz")

    @torch.no_grad()
    def _run(self, codes, phones, age, speaker, position, cache):  # type: ignore[no-untyped-def]
        keep = self.config["context_frames"] - codes.shape[0]
        past = tuple(c[:, :, :, -keep:] for c in cache)
        fed = (codes, phones, age, speaker.astype(np.float32), position)
        logits, advance, kept = self.model(*(torch.from_numpy(np.asarray(value))[None] for value in fed), past)
        cache = tuple(torch.stack(part) for part in zip(*kept, strict=True))
        return logits[0, -1].numpy(), float(advance[0, -1].sigmoid()), cache

    def frames(
        self, phones: list[int], voice: Voice, how: Sampling, seed: int = 0, places: list[int] | None = None
    ) -> Iterator[np.ndarray]:
        """Yields code frames [4]; `places` collects the pointer's place in every frame."""
        rng, books, last_delay = np.random.default_rng(seed), len(self.delays), max(self.delays)
        size = (self.config["num_layers"], 1, self.config["num_heads"], 0, self.config["head_dim"])
        cache = (torch.zeros(size), torch.zeros(size))
        prompt = voice.codes.shape[1]
        # Column f of `drawn` is code frame f, prompt included; NONE until it is known.
        drawn = np.full((books, prompt + 1), self.none, np.int64)
        drawn[:, :prompt] = voice.codes
        if prompt:
            windows, ages = voice.inputs(self.ids[self.config["unknown_phone"]])
            history = np.stack([self._history(drawn, t) for t in range(prompt)])
            _, _, cache = self._run(history, windows, ages, voice.speaker, np.arange(prompt), cache)
        pointer, t, end = Pointer(phones, self.durations), prompt, None
        thresholds = how.thresholds(len(phones), rng)
        while end is None or t < end + last_delay:
            age = np.array(min(pointer.age, 31))
            step = (self._history(drawn, t), pointer.window(), age, np.array(t))
            if places is not None:
                places.append(pointer.place)
            logits, chance, cache = self._run(
                step[0][None], step[1][None], step[2][None], voice.speaker, step[3][None], cache
            )
            if t + 1 >= drawn.shape[1]:
                drawn = np.concatenate([drawn, np.full((books, 64), self.none, np.int64)], 1)
            for book, delay in enumerate(self.delays):
                frame = t - delay
                if frame >= prompt and (end is None or frame < end):
                    drawn[book, frame] = draw(logits[book], how.temperatures[book], how, rng)
            if t - last_delay >= prompt:
                yield drawn[:, t - last_delay].copy()
            t += 1
            if end is None and pointer.move(chance, thresholds[pointer.place]):
                end = t

    def _history(self, drawn: np.ndarray, t: int) -> np.ndarray:
        """What step t is fed: book k of frame t-1-k."""
        out = np.full(len(self.delays), self.none, np.int64)
        for book, delay in enumerate(self.delays):
            frame = t - 1 - delay
            if 0 <= frame < drawn.shape[1]:
                out[book] = drawn[book, frame]
        return out


class Stateful:
    """Any exported codec graph: zero states at the start, out_state_* fed back afterwards."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.session = session(path, threads)
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        self.name, self.outputs = inputs[0].name, [o.name for o in outputs]
        self.shapes = {i.name: i.shape[1:] for i in inputs if i.name.startswith("state_")}
        self.states: dict[str, np.ndarray] = {}

    def __call__(self, value: np.ndarray) -> np.ndarray:
        states = self.states or {n: np.zeros((len(value), *s), np.float32) for n, s in self.shapes.items()}
        found = dict(zip(self.outputs, self.session.run(None, {self.name: value, **states}), strict=True))
        self.states = {n: found[f"out_{n}"] for n in states}
        return found[self.outputs[0]]

    def reset(self) -> None:
        self.states = {}


def main() -> None:
    import soundfile as sf

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("voice_folder", type=Path)
    parser.add_argument("codec_folder", type=Path)
    parser.add_argument("phones", help='e.g. "pau hh ax l ow ."')
    parser.add_argument("out", type=Path)
    parser.add_argument("--voice", default="ada")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    speech, decoder = Speech(given.voice_folder), Stateful(given.codec_folder / "onnx/decoder.onnx")
    ids = [speech.ids[p] for p in given.phones.split()]
    codes = list(speech.frames(ids, speech.voice(given.voice), Sampling(), given.seed))
    audio = [decoder(frame[None, :, None])[0, 0] for frame in codes]
    sf.write(given.out, np.concatenate(audio), 16000)


if __name__ == "__main__":
    main()
