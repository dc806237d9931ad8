"""When which audio arrived, so that latencies can be told in wall time."""

from __future__ import annotations

import bisect
from collections import deque

from voxduct.audio import SAMPLE_RATE
from voxduct.events import CommittedText, Event, FinalText, SpeechStarted, SpeechStopped
from voxduct.server.metrics import Metrics

REMEMBERED_CHUNKS = 4096


class Timeline:
    """One session's audio positions in wall time, and which utterances wait for their final text."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._positions: deque[int] = deque(maxlen=REMEMBERED_CHUNKS)
        self._times: deque[float] = deque(maxlen=REMEMBERED_CHUNKS)
        self._unfinished: dict[int, int] = {}  # utterance -> where its end was decided
        self._speaking: int | None = None
        self.utterances = 0

    def heard(self, position: int, now: float) -> None:
        """All audio up to `position` has arrived."""
        if self._positions:
            self._metrics.audio_seconds.inc((position - self._positions[-1]) / SAMPLE_RATE)
        else:
            self._metrics.audio_seconds.inc(position / SAMPLE_RATE)
        self._positions.append(position)
        self._times.append(now)

    def lag(self, position: int) -> int:
        """Samples by which final texts are behind `position`: since the end of the oldest utterance without one."""
        return max(0, position - min(self._unfinished.values(), default=position))

    @property
    def mid_utterance(self) -> bool:
        """Something was heard that is not final yet."""
        return self._speaking is not None or bool(self._unfinished)

    def observe(self, event: Event, now: float) -> None:
        """Takes note of an event about to be sent."""
        match event:
            case SpeechStarted(utterance):
                self._speaking = utterance
            case SpeechStopped(utterance, _, decided):
                self._speaking = None
                self._unfinished[utterance] = decided
            case CommittedText(_, words):
                for word in words:
                    self._metrics.commit_latency.observe(self._since(word.end, now))
            case FinalText(utterance, _, end):
                self.utterances += 1
                self._unfinished.pop(utterance, None)
                self._metrics.final_latency.observe(self._since(end, now))
            case _:
                pass

    def forget(self, utterance: int) -> None:
        """The utterance failed; no final text comes."""
        self._unfinished.pop(utterance, None)

    def _since(self, position: int, now: float) -> float:
        """Seconds since the audio at `position` arrived."""
        index = bisect.bisect_left(self._positions, position)
        return max(0.0, now - self._times[index]) if index < len(self._times) else 0.0
