"""What waits to be sent to one client: bounded, and it knows what may be left out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from voxduct.events import SpeechAudio, SpeechCodes
from voxduct.wire import (
    CommittedMessage,
    FinalMessage,
    Outgoing,
    PartialMessage,
    SpeechAudioStartMessage,
    SpeechWordsMessage,
)


class Outbox:
    """A queue of messages in which partials give way and speech is counted. Pure; knows no sockets.

    At most one partial per utterance waits, and none once newer text of that utterance waits. Nothing else is ever
    dropped, except speech by `drop_speech`.
    """

    def __init__(self, max_messages: int, max_speech_s: float) -> None:
        self._max_messages = max_messages
        self._max_speech_s = max_speech_s
        self._items: deque[Outgoing] = deque()
        self._firm = 0  # items that are neither partials nor speech
        self._speech_samples = 0
        self._speech_rate = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """So much waits that nothing more should be taken in from this client."""
        return self._firm >= self._max_messages

    @property
    def speech_full(self) -> bool:
        """So much speech waits that no more of it should be computed."""
        return self._speech_samples > self._max_speech_s * self._speech_rate

    def push(self, item: Outgoing) -> None:
        """Adds an item at the end."""
        match item:
            case (
                PartialMessage(utterance=utterance)
                | CommittedMessage(utterance=utterance)
                | FinalMessage(utterance=utterance)
            ):
                self._drop_partials(utterance)
            case SpeechAudioStartMessage(sample_rate=rate):
                self._speech_rate = rate
            case _:
                pass
        self._items.append(item)
        self._count(item, 1)

    def pop(self) -> Outgoing | None:
        """Takes the item at the front; None when nothing waits."""
        if not self._items:
            return None
        item = self._items.popleft()
        self._count(item, -1)
        return item

    def drop_speech(self, id: str | None) -> None:
        """Drops waiting speech of the request `id`, or of all, and its words."""
        self._drop(
            lambda item: isinstance(item, SpeechAudio | SpeechCodes | SpeechWordsMessage) and id in (None, item.id)
        )

    def clear(self) -> None:
        """Drops everything."""
        self._items.clear()
        self._firm = 0
        self._speech_samples = 0

    def _drop_partials(self, utterance: int) -> None:
        self._drop(lambda item: isinstance(item, PartialMessage) and item.utterance == utterance)

    def _drop(self, unwanted: Callable[[Outgoing], bool]) -> None:
        if any(map(unwanted, self._items)):
            kept: deque[Outgoing] = deque()
            for item in self._items:
                if unwanted(item):
                    self._count(item, -1)
                else:
                    kept.append(item)
            self._items = kept

    def _count(self, item: Outgoing, sign: int) -> None:
        if isinstance(item, SpeechAudio | SpeechCodes):
            self._speech_samples += sign * item.size
        elif not isinstance(item, PartialMessage):
            self._firm += sign
