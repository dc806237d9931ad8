"""Does the voice skip, repeat or never end where codec language models do? Hard texts, by ears and from inside.

Every item of `hard_items` is spoken without a server, with its number as seed, and heard by our recogniser and, where
it is installed, by PocketSphinx. Recognisers err on such texts, so only what both say counts as the voice's fault.

items_wer, items_wer_independent   words wrong, by each of the two; `items_wer_<kind>` by ours.
items_runaways, items_truncations  as in `voxduct.bench.tts`, where every ear says so.
items_skipped, items_repeated      words, see `slips`; None without PocketSphinx. `items_skipped_<kind>` and so on.
pointer_zero_words                 words that the pointer gave no frame.
pointer_zero_phones                phones of words that it gave none.
pointer_long_words                 words longer than words are: see `word_frames`.
pointer_went_back                  items in which it moved back.
pointer_longest_ms                 the longest word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.audio import Samples
from voxduct.bench.ears import Ear, padded
from voxduct.bench.live import Spoken
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures, rounded
from voxduct.bench.scoring import Alignment, WordErrors, align, normalise
from voxduct.bench.speaking.hard_items import KINDS, HardItem
from voxduct.bench.speaking.slips import Slips, slips
from voxduct.bench.speaking.word_frames import Traced, WordFrames
from voxduct.bench.tts import Frontend, Reading, runaway, truncated
from voxduct.errors import VoxductError
from voxduct.events import Failed, SpeechAudio
from voxduct.tts.stream import SpeechStream
from voxduct.tts.text_to_speech import TextToSpeech


@dataclass(frozen=True, slots=True)
class SpokenItem:
    """One item as it was spoken."""

    reading: Reading
    """Its list is the item's kind."""
    words: tuple[WordFrames, ...]
    went_back: bool


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """One item as it was heard."""

    spoken: SpokenItem
    heard: Mapping[str, str]
    """By each ear; ours is the first."""
    alignments: tuple[Alignment, ...]
    """By each ear."""
    slips: Slips | None
    """None where there is one ear only."""

    @property
    def kind(self) -> str:
        """Why it is hard."""
        return self.spoken.reading.listed

    @property
    def runaway(self) -> bool:
        """Every ear says so."""
        return all(runaway(self.spoken.reading, text) for text in self.heard.values())

    @property
    def truncated(self) -> bool:
        """Every ear says so."""
        return all(truncated(self.spoken.reading, one) for one in self.alignments)


def speak_items(
    synthesiser: TextToSpeech, items: Sequence[HardItem], frontend: Frontend, voice: str | None = None
) -> Iterator[SpokenItem]:
    """Speaks one after the other; a failing item ends with what had been said by then."""
    for number, item in enumerate(tracked(items, "items")):
        traced = Traced()
        spoken = _speak(SpeechStream(synthesiser, "item", voice, number, traced), item.text, synthesiser.sample_rate)
        reading = Reading(item.kind, item.text, frontend.written(item.text), frontend.phones(item.text), spoken)
        yield SpokenItem(reading, traced.words, traced.went_back)


def _speak(stream: SpeechStream, text: str, sample_rate: int) -> Spoken:
    stream.feed(text)
    stream.end()
    parts: list[Samples] = [np.zeros(0, np.float32)]
    reason = "completed"
    while (job := stream.next_job()) is not None:
        try:
            events = stream.receive(job.run())
        except VoxductError as error:
            events = stream.fail(error)
        parts += [event.samples for event in events if isinstance(event, SpeechAudio)]
        reason = next((f"failed: {event.message}" for event in events if isinstance(event, Failed)), reason)
    return Spoken(np.concatenate(parts), sample_rate, (), 0.0, reason)


def judge(spoken: SpokenItem, ears: Mapping[str, Ear]) -> JudgedItem:
    """Lets every ear hear it."""
    text, sound = normalise(spoken.reading.written), padded(spoken.reading.samples)
    heard = {name: ear(sound) for name, ear in ears.items()}
    words = [normalise(one) for one in heard.values()]
    alignments = tuple(align(text, one) for one in words)
    return JudgedItem(spoken, heard, alignments, slips(text, words) if len(words) > 1 else None)


def figures(judged: Sequence[JudgedItem], frame_s: float) -> Figures:
    """Of all items and of each kind; `frame_s`: seconds of the voice's frames."""
    found: Figures = {
        "items": len(judged),
        "items_speech_s": round(sum(one.spoken.reading.seconds for one in judged), 1),
        "items_failures": sum(one.spoken.reading.spoken.reason != "completed" for one in judged),
        "items_runaways": sum(one.runaway for one in judged),
        "items_truncations": sum(one.truncated for one in judged),
        "items_wer": _wer(judged, 0),
        "items_wer_independent": _wer(judged, 1),
        **_slips("", judged),
    }
    for kind in KINDS:
        some = [one for one in judged if one.kind == kind]
        found |= {f"items_wer_{kind}": _wer(some, 0), **_slips(f"_{kind}", some)}
    return found | pointer_figures([one.spoken for one in judged], frame_s)


def _wer(judged: Sequence[JudgedItem], ear: int) -> float | None:
    heard = [one.alignments[ear].errors for one in judged if len(one.alignments) > ear]
    return rounded(sum(heard, WordErrors()).rate) if heard else None


def _slips(suffix: str, judged: Sequence[JudgedItem]) -> Figures:
    def count(which: Callable[[Slips], tuple[str, ...]]) -> int | None:
        known = [which(one.slips) for one in judged if one.slips is not None]
        return sum(map(len, known)) if known else None

    return {
        f"items_skipped{suffix}": count(lambda one: one.skipped),
        f"items_repeated{suffix}": count(lambda one: one.repeated),
    }


def pointer_figures(spoken: Sequence[SpokenItem], frame_s: float) -> Figures:
    """What the pointers did."""
    words = [word for item in spoken for word in item.words]
    return {
        "pointer_words": len(words),
        "pointer_zero_words": sum(word.total == 0 for word in words),
        "pointer_zero_phones": sum(word.frames.count(0) for word in words),
        "pointer_long_words": sum(word.too_long(frame_s) for word in words),
        "pointer_longest_ms": round(1000 * frame_s * max((word.total for word in words), default=0)),
        "pointer_went_back": sum(item.went_back for item in spoken),
    }


def details(one: JudgedItem) -> str:
    """A line: kind, seconds, phones, text, what was skipped, what was repeated, and what each ear heard."""
    reading = one.spoken.reading
    agreed = one.slips or Slips((), ())
    cells = [" ".join(agreed.skipped), " ".join(agreed.repeated), *one.heard.values()]
    return "\t".join([one.kind, f"{reading.seconds:.2f}", str(reading.phones), reading.written, *cells]) + "\n"
