"""How likely every phone is in every 10 ms of speech, learnt from speech whose phone times are known.

A small convolutional network gives posteriors; divided by the phones' shares they stand in for likelihoods (Bourlard
and Morgan, "Connectionist Speech Recognition", 1994). Resampled copies keep it from knowing one voice, copies with
longer hops from knowing one tempo.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.fft import dct
from scipy.signal import resample_poly
from torch import Tensor, nn

from .code_lm_model import PHONES, UNK
from .codec_dsp import RATE, mel_bands

HOP, FFT, WINDOW = 160, 512, np.hanning(320)
BANDS = mel_bands(40, FFT)
CEPSTRA = 16
IDS = {phone: number for number, phone in enumerate(PHONES)}
WARPS, TEMPOS = (90, 115), (1.0, 1.9)  # per cent of the length; frames of hop HOP in one of a copy
CROP, BATCH = 300, 8


def cepstra(audio: np.ndarray, hop: float = HOP) -> np.ndarray:
    """[T] -> [frames, 2 * CEPSTRA] float32: mel-cepstra of mean 0 and deviation 1 and their slopes.

    Frame n lies around sample (n + 0.5) hop.
    """
    centres = middles(int(len(audio) / hop), hop).astype(int)
    padded = np.pad(audio, len(WINDOW) // 2, mode="reflect")
    frames = padded[centres[:, None] + np.arange(len(WINDOW))] * WINDOW
    mel = np.log(np.abs(np.fft.rfft(frames, FFT)) ** 2 @ BANDS.T + 1e-4)
    found = dct(mel, norm="ortho")[:, :CEPSTRA]
    found = (found - found.mean(0)) / (found.std(0) + 1e-3)
    slope = np.zeros_like(found)
    slope[2:-2] = found[4:] - found[:-4]
    return np.concatenate([found, slope], 1).astype(np.float32)


def middles(count: int, hop: float) -> np.ndarray:
    """The sample in the middle of every frame, [count]."""
    return (np.arange(count) + 0.5) * hop


def lines(index: Path) -> list[dict[str, Any]]:
    """The lines of an index that may still be written to."""
    return [json.loads(x) for x in index.read_text(encoding="utf-8").splitlines(keepends=True) if x[-1] == "\n"]


def clip(folder: Path, line: dict[str, Any]) -> np.ndarray:
    """[samples] in [-1, 1]."""
    sound = np.memmap(folder / "audio.i16", np.int16, "r")[line["at"] : line["at"] + line["samples"]]
    return sound.astype(np.float32) / 32768


def example(line: dict[str, Any], audio: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cepstra [frames, D] of one altered copy, and the phone id of every frame."""
    warp, hop = int(rng.integers(WARPS[0], WARPS[1] + 1)), HOP * rng.uniform(*TEMPOS)
    found = cepstra(resample_poly(audio, warp, 100), hop)
    ends = np.array([end for _, end in line["phones"]]) * warp / 100
    ids = np.array([IDS.get(phone, UNK) for phone, _ in line["phones"]])
    where = np.searchsorted(ends, middles(len(found), hop), side="right")
    return found, ids[np.minimum(where, len(ids) - 1)]


def examples(folders: list[Path], minutes: float, copies: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """`copies` of the first minutes of every folder: cepstra [N, D] and phone ids [N]."""
    made = []
    for folder in folders:
        size = (folder / "audio.i16").stat().st_size // 2
        for line in lines(folder / "index.jsonl"):
            if line["at"] + line["samples"] <= min(size, minutes * 60 * RATE):
                audio = clip(folder, line)
                made += [example(line, audio, rng) for _ in range(copies)]
    found = [np.concatenate([m[k] for m in made]) for k in (0, 1)]
    return torch.from_numpy(found[0]), torch.from_numpy(found[1])


class Classifier(nn.Module):
    """[B, D, T] -> logits [B, PHONES, T]; hears 11 frames to either side."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 2 * CEPSTRA
        for dilation in (1, 2, 2):
            layers += [nn.Conv1d(inputs, width, 5, padding="same", dilation=dilation), nn.BatchNorm1d(width), nn.ReLU()]
            inputs = width
        self.layers = nn.Sequential(*layers, nn.Dropout(0.1), nn.Conv1d(width, len(PHONES), 3, padding="same"))

    def forward(self, cepstra_: Tensor) -> Tensor:
        return self.layers(cepstra_)


@dataclass
class Aligner:
    """A trained classifier and the log shares of the phones it was trained on."""

    model: Classifier
    prior: np.ndarray  # [PHONES]

    def posteriors(self, audio: np.ndarray) -> np.ndarray:
        """[T] -> log posteriors [frames, PHONES], none under a thousandth."""
        with torch.inference_mode():
            logits = self.model(torch.from_numpy(cepstra(audio)).mT[None])[0].mT
        found: np.ndarray = torch.softmax(logits, 1).numpy()
        return np.log(found + 1e-3)


def learn(folders: list[Path], steps: int, minutes: float, copies: int = 2, seed: int = 5) -> Aligner:
    """A classifier from folders of audio.i16 and index.jsonl with phones."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    found, ids = examples(folders, minutes, copies, rng)
    share = np.bincount(ids.numpy(), minlength=len(PHONES)) + 1.0
    model = Classifier()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(steps):
        crops = torch.from_numpy(rng.integers(0, len(ids) - CROP, BATCH)[:, None] + np.arange(CROP))
        loss = nn.functional.cross_entropy(model(found[crops].mT), ids[crops])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    print(f"{len(ids)} frames learnt, loss {loss.item():.3f}")
    return Aligner(model.eval(), np.log(share / share.sum()))
