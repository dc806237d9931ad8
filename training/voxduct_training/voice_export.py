"""Chooses a prompt and a speaker vector per shipped voice and writes models_onnx/voxduct-voice-en.

The prompt of a voice that was learnt from clips which may not be passed on is spoken by the model itself, in that
voice, before it is stored: no code of a clip is shipped. Weights are stored in half precision.
int8 was understood as well, but its steps one by one are not its steps all at once: scales are chosen per call.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from .code_lm_data import Utterance, durations, load
from .code_lm_export import config, export, write_voice
from .code_lm_model import PROFILES, CodeLm
from .manifest import write_manifest
from .voice_generate import Sampling, Speech, Voice

DESCRIPTIONS = {
    "iris": "adult, calm and clear; learnt from a neural voice",
    "ada": "adult, bright; learnt from flite's slt",
    "ben": "adult, low; learnt from flite's rms",
    "angus": "adult, Scottish colour; learnt from flite's awb",
    "mila": "small and high; slt with a shorter vocal tract",
    "otto": "large and deep; rms with a longer vocal tract",
    "nova": "adult, lively; learnt from another neural voice",
}
OWN_PROMPT = ("nova",)


def prompt(pool: list[Utterance], low: int = 90, high: int = 135) -> Utterance:
    """A whole utterance of about two seconds: plain words, as many phones a second as the voice usually has."""
    fitting = [u for u in pool if low <= u.codes.shape[1] <= high and len(u.text.split()) >= 4]
    fitting = fitting or sorted(pool, key=lambda u: abs(u.codes.shape[1] - high))[:5]
    rate = float(np.median([len(u.ids) / u.codes.shape[1] for u in pool]))
    return min(fitting, key=lambda u: abs(len(u.ids) / u.codes.shape[1] - rate))


@torch.no_grad()
def speaker_vector(model: CodeLm, pool: list[Utterance], count: int = 32) -> np.ndarray:
    chosen = pool[:: max(1, len(pool) // count)][:count]
    found = [model.speaker_encoder(torch.from_numpy(one.codes.astype(np.int64))[None])[0].numpy() for one in chosen]
    mean = np.mean(found, 0)
    return mean / np.sqrt((mean**2).mean())


def respeak(folder: Path, ids: list[int], voice: Voice) -> Voice:
    """The same words said by the model: codes of ours instead of codes of a clip."""
    speech = Speech(folder)
    places: list[int] = []
    drawn = list(speech.frames(ids, voice, Sampling(), seed=1, places=places))
    codes = np.stack(drawn, 1)
    return Voice(voice.speaker, codes, np.array([ids[p] for p in places[: codes.shape[1]]]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("codes", type=Path, nargs="+")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    parser.add_argument("--default", default="ben", help="the voice that is understood best")
    parser.add_argument("--version", default="0.1.0")
    given = parser.parse_args()
    model = CodeLm(**PROFILES[given.profile])
    model.load_state_dict(torch.load(given.checkpoint, weights_only=True)["model"])
    model.eval()
    utterances = [u for path in given.codes for u in load(path)]
    by_voice = {n: [u for u in utterances if u.speaker == n] for n in DESCRIPTIONS}
    names = [n for n, pool in by_voice.items() if len(pool) >= 4]
    settings = config(
        model, durations(utterances), [{"name": n, "description": DESCRIPTIONS[n]} for n in names], given.default
    )
    export(model, given.folder, settings, given.version)
    for stale in (given.folder / "voices").glob("*.npz"):
        stale.unlink()
    for name in names:
        chosen = prompt(by_voice[name])
        vector = speaker_vector(model, by_voice[name])
        voice = Voice(vector, chosen.codes.astype(np.int64), chosen.ids[chosen.phones].astype(np.int64))
        if name in OWN_PROMPT:
            voice = respeak(given.folder, [int(i) for i in chosen.ids], voice)
        write_voice(given.folder / "voices" / f"{name}.npz", voice.speaker, voice.codes, voice.phones)
        print(name, f"{voice.codes.shape[1] / 50:.2f} s", json.dumps(chosen.text))
    write_manifest(given.folder, "voxduct-voice-en", "codec-lm", given.version)


if __name__ == "__main__":
    main()
