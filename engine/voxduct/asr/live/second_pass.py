"""A second recogniser hears finished utterances again when there is time, and says where it heard something else.

The final text was said before and stays; a revision is a newer version of it beside it. Each job hears one window, so
that none lasts long: an utterance of several windows is revised window by window, each time with the words of the
final text where the second recogniser has not listened yet, or was not sure.

Recordings need none of this: transcribe them with the second model in the first place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from voxduct.asr.live.pieces import Piece, cut
from voxduct.asr.live.utterance import UtteranceAudio
from voxduct.asr.recogniser import Heard, Recogniser, Window
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.events import Event, Failed, FinalText, RevisedText, Word
from voxduct.models import Job, JobKind

MAX_AUDIO_S = 60.0  # of utterances that wait, the open one included; 64 kB each second


@dataclass(slots=True)
class _Kept:
    """An utterance that is to be heard again."""

    utterance: int
    audio: UtteranceAudio
    said: RevisedText | None = None
    """The newest version that was said; None until the final text was."""
    heard: tuple[Word, ...] = ()
    """Words of the pieces that were heard again."""
    pieces: deque[Piece] = field(default_factory=deque)
    """What is still to be heard."""
    language: str | None = None
    """What the second recogniser found out; None until then."""

    @property
    def samples(self) -> int:
        return self.audio.end - self.audio.start


class SecondPass:
    """Keeps the audio of a session's utterances until it has heard them again; one job is out at a time.

    Tell it of every utterance that begins, of its audio, and of all that is said. When more than `max_audio_s` would
    be kept, the oldest utterance is given up. Without a recogniser it keeps nothing and does nothing.
    """

    def __init__(self, recogniser: Recogniser | None, max_audio_s: float = MAX_AUDIO_S) -> None:
        self._recogniser = recogniser
        self._max_samples = int(max_audio_s * SAMPLE_RATE)
        self._kept: dict[int, _Kept] = {}  # by utterance, the oldest first
        self._open: int | None = None
        self._out: _Kept | None = None
        self._closed = False

    @property
    def kept_samples(self) -> int:
        """How much audio is kept."""
        return sum(kept.samples for kept in self._kept.values())

    def begin(self, utterance: int, start: int) -> None:
        """An utterance begins; what is fed from now on belongs to it."""
        if self._recogniser is not None and not self._closed:
            self._kept[utterance] = _Kept(utterance, UtteranceAudio(start))
            self._open = utterance

    def feed(self, samples: Samples) -> None:
        """The open utterance's next samples, shape [n]."""
        kept = self._kept.get(self._open) if self._open is not None else None
        if kept is not None:
            kept.audio.append(samples)
            self._make_room()

    def observe(self, events: Sequence[Event]) -> None:
        """What was said: a final text makes its utterance ready to be heard again, a failure gives it up."""
        for event in events:
            match event:
                case Failed(utterance=int(utterance)):
                    self._kept.pop(utterance, None)
                case FinalText() if event.utterance in self._kept:
                    self._get_ready(self._kept[event.utterance], event)
                case _:
                    pass

    def close(self) -> None:
        """No more revisions are wanted; a job that still waits for a thread will compute nothing."""
        self._closed = True
        self._kept.clear()

    def next_job(self) -> Job | None:
        """The next window of the oldest utterance that is ready, or None."""
        if self._out is not None or self._recogniser is None:
            return None
        kept = next((kept for kept in self._kept.values() if kept.said is not None), None)
        if kept is None:
            return None
        self._out = kept
        recogniser, window = self._recogniser, self._window(self._recogniser, kept)
        return Job(
            JobKind.REVISION, lambda: None if self._closed else recogniser.recognise(window), window.samples.size
        )

    def receive(self, result: object) -> list[Event]:
        """What the job returned."""
        kept, self._out = self._out, None
        if kept is None or kept.said is None or self._closed:
            return []
        if not isinstance(result, Heard):
            raise TypeError(f"expected Heard, not {type(result).__name__}")
        piece = kept.pieces.popleft()
        sure = result.doubt is None and bool(result.words)
        kept.heard += tuple(heard.word for heard in result.words) if sure else piece.words
        if not kept.pieces:
            self._kept.pop(kept.utterance, None)
        return self._revise(kept, kept.said, result) if sure else []

    def fail(self, error: BaseException) -> list[Event]:
        """The job raised: the utterance keeps the text it has. Whoever ran the job knows why."""
        kept, self._out = self._out, None
        if kept is not None:
            self._kept.pop(kept.utterance, None)
        return []

    def _get_ready(self, kept: _Kept, final: FinalText) -> None:
        assert self._recogniser is not None  # else nothing is kept
        known = final.language in self._recogniser.languages or not final.language
        if final.end <= kept.audio.start or not known:
            del self._kept[kept.utterance]
            return
        longest = int(self._recogniser.options.max_window_s * SAMPLE_RATE)
        kept.pieces.extend(cut(final.words, kept.audio.start, min(final.end, kept.audio.end), longest))
        kept.said = RevisedText(
            final.utterance,
            0,
            final.start,
            final.end,
            final.words,
            final.confidence,
            final.language,
            final.language_probability,
        )

    def _window(self, recogniser: Recogniser, kept: _Kept) -> Window:
        piece = kept.pieces[0]
        samples = kept.audio.until(piece.end)[piece.start - kept.audio.start :]
        tail = recogniser.options.final_tail_ms * SAMPLE_RATE // 1000
        return Window(samples, piece.start, (), kept.language or recogniser.options.language, tail)

    def _revise(self, kept: _Kept, said: RevisedText, result: Heard) -> list[Event]:
        """The utterance as it is known now, if that is not what was said of it last."""
        words = (*kept.heard, *(word for piece in kept.pieces for word in piece.words))
        confidence = float(np.mean([word.probability for word in words]))
        if kept.language is None:  # later windows are told it
            kept.language = result.language
            said = replace(said, language=result.language, language_probability=result.language_probability)
        newer = replace(said, version=said.version + 1, words=words, confidence=confidence)
        changed = newer.text != said.text
        kept.said = newer if changed else said
        return [newer] if changed else []

    def _make_room(self) -> None:
        """Gives up the oldest utterances until there is room; the one that is being heard is still needed."""
        given_up = [kept for kept in self._kept.values() if kept is not self._out]
        for kept in given_up:
            if self.kept_samples <= self._max_samples:
                break
            del self._kept[kept.utterance]
