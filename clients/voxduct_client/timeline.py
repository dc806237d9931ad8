"""One clock and one count of utterances over several sessions. Sans-I/O.

Each session counts seconds and utterances from zero. `Timeline` turns them into the client's own, and knows which
utterances are open, hence how far everything is final.
"""

from __future__ import annotations

import msgspec

from voxduct import wire
from voxduct_client.client_wire import Received

DIGITS = 6  # of a time: finer than a sample at any rate


class Timeline:
    """Rewrites a session's messages; start a new session with `restart`."""

    def __init__(self) -> None:
        self.offset_s = 0.0
        """Where the present session began."""
        self.final_until_s = 0.0
        """Everything before it is final or silence."""
        self._first_utterance = 0
        self._next_utterance = 0
        self._open: dict[int, float] = {}

    @property
    def listening(self) -> bool:
        """Whether an utterance is open."""
        return bool(self._open)

    def restart(self, at_s: float) -> tuple[int, ...]:
        """A new session begins at `at_s`; returns the utterances that will never have a final."""
        abandoned = tuple(self._open)
        self._open.clear()
        self.offset_s = at_s
        self._first_utterance = self._next_utterance
        return abandoned

    def rewrite(self, message: Received) -> Received:
        """The message in the client's own times and utterance numbers."""
        match message:
            case wire.SpeechStartedMessage():
                return self._started(message)
            case wire.SpeechStoppedMessage():
                return msgspec.structs.replace(
                    message,
                    utterance=self._number(message.utterance),
                    time=self._at(message.time),
                    decided=self._at(message.decided),
                )
            case wire.PartialMessage():
                return msgspec.structs.replace(
                    message, utterance=self._number(message.utterance), time=self._at(message.time)
                )
            case wire.CommittedMessage():
                return msgspec.structs.replace(
                    message, utterance=self._number(message.utterance), words=self._words(message.words)
                )
            case wire.FinalMessage():
                return self._final(message)
            case wire.RevisedMessage():
                return msgspec.structs.replace(
                    message,
                    utterance=self._number(message.utterance),
                    start=self._at(message.start),
                    end=self._at(message.end),
                    words=self._words(message.words),
                )
            case wire.ErrorMessage() if message.utterance is not None:
                utterance = self._number(message.utterance)
                self._close(utterance)
                return msgspec.structs.replace(message, utterance=utterance)
            case wire.MarkerEcho() | wire.Stopped():
                return self._echo(message)
            case _:
                return message

    def _started(self, message: wire.SpeechStartedMessage) -> wire.SpeechStartedMessage:
        utterance, time = self._number(message.utterance), self._at(message.time)
        self._open[utterance] = time
        self._next_utterance = max(self._next_utterance, utterance + 1)
        self._settle(min(self._open.values()))
        return msgspec.structs.replace(message, utterance=utterance, time=time)

    def _final(self, message: wire.FinalMessage) -> wire.FinalMessage:
        utterance, end = self._number(message.utterance), self._at(message.end)
        self._next_utterance = max(self._next_utterance, utterance + 1)
        self._close(utterance)
        self._settle(min([end, *self._open.values()]))
        return msgspec.structs.replace(
            message,
            utterance=utterance,
            start=self._at(message.start),
            end=end,
            words=self._words(message.words),
        )

    def _echo(self, message: wire.MarkerEcho | wire.Stopped) -> wire.MarkerEcho | wire.Stopped:
        time = self._at(message.time)
        self._settle(min([time, *self._open.values()]))
        return msgspec.structs.replace(message, time=time)

    def _close(self, utterance: int) -> None:
        self._open.pop(utterance, None)

    def _settle(self, time: float) -> None:
        self.final_until_s = max(self.final_until_s, time)

    def _number(self, utterance: int) -> int:
        return self._first_utterance + utterance

    def _at(self, time: float) -> float:
        return round(self.offset_s + time, DIGITS)

    def _words(self, words: list[wire.WireWord]) -> list[wire.WireWord]:
        return [msgspec.structs.replace(word, start=self._at(word.start), end=self._at(word.end)) for word in words]
