"""What a client still has to send, in order: audio, markers between it, and the stop behind it. Sans-I/O."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from voxduct.audio import AudioFormat
from voxduct_client.replay import ReplayBuffer

PIECE_S = 0.1  # seconds of audio in one message


@dataclass(frozen=True, slots=True)
class SendAudio:
    """Send this PCM."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SendMarker:
    """Send the marker `id`."""

    id: str


@dataclass(frozen=True, slots=True)
class SendStop:
    """Send `stop`."""


Step: TypeAlias = SendAudio | SendMarker | SendStop


@dataclass(slots=True)
class _Marker:
    id: str
    position: int
    sent: bool = False


class Outgoing:
    """The queue of one client over all its sessions. `restart` makes it start over where a new session must begin."""

    def __init__(self, audio_format: AudioFormat, replay_s: float) -> None:
        self._rate = audio_format.sample_rate
        self._sample_bytes = audio_format.encoding.sample_bytes
        self._audio = ReplayBuffer(int(replay_s * self._rate), self._sample_bytes)
        self._markers: deque[_Marker] = deque()
        self._stop = False
        self._stop_sent = False

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called: nothing more may be added."""
        return self._stop

    @property
    def waiting_s(self) -> float:
        """Seconds of audio accepted and not sent on the present connection."""
        return self._audio.unsent / self._rate

    def add_audio(self, data: bytes) -> bytes:
        """Accepts as much of the PCM as there is room for and returns the rest."""
        size = self._audio.room * self._sample_bytes
        self._audio.append(data[:size])
        return data[size:]

    def add_marker(self, id: str) -> None:
        """A marker behind all audio accepted so far."""
        self._markers.append(_Marker(id, self._audio.end))

    def remove_marker(self, id: str) -> None:
        """The marker was echoed, or nobody waits for it any more."""
        self._markers = deque(marker for marker in self._markers if marker.id != id)

    def stop(self) -> None:
        """Nothing more will be added."""
        self._stop = True

    def next_step(self) -> Step | None:
        """What to send now; it counts as sent. None when nothing is due."""
        marker = next((marker for marker in self._markers if not marker.sent), None)
        if marker is not None and marker.position <= self._audio.sent:
            marker.sent = True
            return SendMarker(marker.id)
        piece = max(1, int(PIECE_S * self._rate))
        data = self._audio.take(piece, marker.position if marker is not None else None)
        if data:
            return SendAudio(data)
        if self._stop and not self._stop_sent:
            self._stop_sent = True
            return SendStop()
        return None

    def release(self, time_s: float) -> None:
        """Everything before `time_s` of the client's clock is final."""
        self._audio.release(int(time_s * self._rate))

    def restart(self) -> tuple[float, float, float]:
        """A new session begins.

        Returns:
            In seconds: where it begins on the client's clock, how much is heard again, how much is gone.
        """
        gone, sent = self._audio.gone, self._audio.sent
        start = self._audio.rewind()
        self._stop_sent = False
        for marker in self._markers:
            marker.sent = False
        return start / self._rate, max(0, sent - start) / self._rate, gone / self._rate
