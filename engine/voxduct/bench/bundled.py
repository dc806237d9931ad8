"""What comes with Voxduct to measure it on: clips whose words are known, and sentences to speak.

demo/                     ten clean held-out clips with the end of every word
heldout_clips/            the first 24 clips of the held-out set: noise, rooms, odd voices
heldout_sentences.txt     100 sentences that no voice was trained on
hard_sentences.txt        50 sentences of the kinds where codec language models fail
"""

from __future__ import annotations

from pathlib import Path

from voxduct.bench.clips import Clip, read_clips
from voxduct.errors import ModelError

PACKAGE = Path(__file__).resolve().parents[1]
IN_WHEEL, IN_CHECKOUT = PACKAGE / "_bench", PACKAGE.parents[1] / "benchmarks" / "data"
SENTENCE_LISTS = ("heldout", "hard")


def bundled(name: str) -> Path:
    """A bundled file or folder; raises ModelError when this installation lacks it."""
    for folder in (IN_WHEEL, IN_CHECKOUT):
        if (folder / name).exists():
            return folder / name
    raise ModelError(f"{name} is not in {IN_WHEEL}; install voxduct from its wheel or a checkout")


def demo_clips() -> list[Clip]:
    """The demo's recording, clip by clip."""
    return read_clips(bundled("demo"))


def sentence_lists() -> dict[str, list[str]]:
    """The sentences to speak, by the name of their list."""
    return {
        name: [line for line in bundled(f"{name}_sentences.txt").read_text(encoding="utf-8").splitlines() if line]
        for name in SENTENCE_LISTS
    }


def heldout_text(characters: int, first: int = 0) -> str:
    """Held-out sentences from number `first` on, over and over, as one text of at least so many characters."""
    sentences = sentence_lists()["heldout"]
    text = sentences[first % len(sentences)]
    while len(text) < characters:
        first += 1
        text += f" {sentences[first % len(sentences)]}"
    return text
