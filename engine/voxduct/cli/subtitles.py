"""WebVTT and SubRip from recognised words: short cues that begin and end with their words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from voxduct.audio import to_seconds
from voxduct.events import FinalText, Word

MAX_CHARS = 84  # two lines of 42
MAX_SECONDS = 7.0


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle; times in seconds."""

    start: float
    end: float
    text: str


def cues(finals: Sequence[FinalText]) -> Iterator[Cue]:
    """Cuts utterances into cues of at most two lines and seven seconds."""
    for final in finals:
        gathered: list[Word] = []
        for word in final.words:
            if gathered and _full(gathered, word):
                yield _cue(gathered)
                gathered = []
            gathered.append(word)
        if gathered:
            yield _cue(gathered)


def _full(gathered: Sequence[Word], word: Word) -> bool:
    chars = sum(len(one.text) + 1 for one in gathered) + len(word.text)
    return chars > MAX_CHARS or to_seconds(word.end - gathered[0].start) > MAX_SECONDS


def _cue(words: Sequence[Word]) -> Cue:
    text = " ".join(word.text for word in words)
    return Cue(to_seconds(words[0].start), to_seconds(words[-1].end), text)


def webvtt(finals: Sequence[FinalText]) -> str:
    """A WebVTT file."""
    blocks = [f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{_escaped(cue.text)}\n" for cue in cues(finals)]
    return "\n".join(["WEBVTT\n", *blocks])


def subrip(finals: Sequence[FinalText]) -> str:
    """A SubRip file."""
    blocks = [
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{cue.text}\n"
        for number, cue in enumerate(cues(finals), start=1)
    ]
    return "\n".join(blocks)


def _clock(seconds: float, point: str) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
