"""Utterances one after the other. A server may finish a short utterance before the long one that came first."""

from __future__ import annotations

from voxduct import wire
from voxduct_client.continuity import Message, Reconnected

AboutUtterance = (
    wire.SpeechStartedMessage
    | wire.SpeechStoppedMessage
    | wire.PartialMessage
    | wire.CommittedMessage
    | wire.FinalMessage
    | wire.RevisedMessage
)


class ReadingOrder:
    """Holds back what belongs to a later utterance until the earlier ones have their `final`, or never will."""

    def __init__(self) -> None:
        self._open: dict[int, list[Message]] = {}

    def feed(self, message: Message) -> list[Message]:
        """The messages that may be shown now, in order."""
        match message:
            case Reconnected() | wire.Stopped():
                return [*self.flush(), message]
            case wire.SpeechStartedMessage():
                self._open.setdefault(message.utterance, [])
        utterance = _utterance(message)
        if utterance is None or utterance not in self._open:
            return [message]
        self._open[utterance].append(message)
        return self._release()

    def flush(self) -> list[Message]:
        """Everything that was held back."""
        held = [message for number in sorted(self._open) for message in self._open[number]]
        self._open.clear()
        return held

    def _release(self) -> list[Message]:
        shown: list[Message] = []
        while self._open:
            first = min(self._open)
            held, self._open[first] = self._open[first], []
            shown += held
            if not any(isinstance(message, wire.FinalMessage | wire.ErrorMessage) for message in held):
                break
            del self._open[first]
        return shown


def _utterance(message: Message) -> int | None:
    if isinstance(message, AboutUtterance | wire.ErrorMessage):
        return message.utterance
    return None
