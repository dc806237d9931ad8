"""Shards: the int16 samples of many utterances in one file, one JSON line per utterance in another."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Utterance:
    """Where an utterance lies in its shard and what it says."""

    start: int
    length: int
    text: str
    voice: str
    cuts: list[list[int]]
    guessed: bool = False  # the cuts are good enough to show where a word is, not to cut there
    shown: str = ""  # the same words as a reader expects them; a recogniser without capitals learns `text`


class ShardWriter:
    """Writes one shard under a temporary name and reveals it when it is complete."""

    def __init__(self, folder: Path, name: str) -> None:
        self._final = folder / f"{name}.jsonl"
        self._hidden = folder / f"{name}.partial"
        self._audio = open(folder / f"{name}.i16", "wb")  # noqa: SIM115 - closed by close()
        self._lines = open(self._hidden, "w", encoding="utf8")  # noqa: SIM115
        self.samples = 0

    def add(
        self,
        samples: NDArray[np.int16],
        text: str,
        voice: str,
        cuts: list[list[int]],
        *,
        guessed: bool = False,
        shown: str = "",
    ) -> None:
        """Append one utterance."""
        row = Utterance(self.samples, len(samples), text, voice, cuts, guessed, shown)
        self._audio.write(samples.tobytes())
        self._lines.write(json.dumps(asdict(row)) + "\n")
        self.samples += len(samples)

    def close(self) -> None:
        """Finish the shard; readers see it from now on."""
        self._audio.close()
        self._lines.close()
        self._hidden.rename(self._final)


def read_shard(path: Path) -> tuple[NDArray[np.int16], list[Utterance]]:
    """The samples (mapped, not loaded) and the utterances of one finished shard."""
    rows = [Utterance(**json.loads(line)) for line in path.read_text(encoding="utf8").splitlines()]
    return np.memmap(path.with_suffix(".i16"), dtype=np.int16, mode="r"), rows
