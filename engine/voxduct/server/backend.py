"""What the server drives: sessions, and what they are made from. Tests put small ones of their own in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from voxduct.audio import AudioFormat
from voxduct.coded import CodecFormat
from voxduct.events import Event
from voxduct.models import Job
from voxduct.voices.shelf import VoiceShelf


class Conversation(Protocol):
    """What the server needs of a session; see `voxduct.session.Session` for the duties."""

    @property
    def done(self) -> bool:
        """Input was ended and everything accepted before that has been said."""

    @property
    def position(self) -> int:
        """Samples accepted so far, at 16 kHz."""

    @property
    def backlog(self) -> int:
        """Samples accepted but not yet judged."""

    @property
    def update_due(self) -> bool:
        """Whether `jobs()` would hand out an update if updates were not held."""

    def hold(self, *, updates: bool, speculations: bool) -> None:
        """What is not to be computed for now."""

    def receive_audio(self, data: bytes) -> None:
        """One binary message."""

    def receive_text(self, id: str, text: str, voice: str | None, seed: int = 0, *, final: bool = True) -> None:
        """Text to speak."""

    def receive_marker(self, id: str) -> None:
        """Asks for `MarkerReached(id)`."""

    def cancel_output(self, id: str | None = None) -> None:
        """Stops speech."""

    def pause_output(self, paused: bool) -> None:
        """While paused no more speech is computed."""

    def end_input(self) -> None:
        """No more input."""

    def jobs(self) -> list[Job]:
        """Jobs to run now."""

    def receive_result(self, job: Job, result: object) -> None:
        """What a job returned, or the exception it raised."""

    def events(self) -> list[Event]:
        """What happened since the last call."""


class Backend(Protocol):
    """Loaded models, ready to hold any number of conversations."""

    @property
    def voices(self) -> tuple[str, ...]:
        """Voices to speak with now; empty when the server cannot speak."""

    def check_voice(self, name: str) -> None:
        """Raises VoiceError unless it can speak with a voice, or mixture, of this name."""

    @property
    def shelf(self) -> VoiceShelf | None:
        """Where voices of one's own come and go; None when the server cannot speak, or keeps none."""

    @property
    def voice_sample_rate(self) -> int:
        """Hertz of the speech it makes; 0 when it cannot speak."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages it can hear, ISO 639-1."""

    @property
    def revises(self) -> bool:
        """Whether it has a second recogniser, for sessions that want revisions."""

    @property
    def codecs(self) -> Sequence[CodecFormat]:
        """Codecs that sessions may hear and speak in, instead of PCM."""

    def warm_up(self) -> None:
        """Runs every model once, before the first client comes; on a thread, some seconds of work."""

    def open_session(
        self,
        audio_format: AudioFormat,
        voice: str | None,
        *,
        languages: tuple[str, ...] = (),
        revisions: bool = False,
        audio_codec: str | None = None,
        speech_codec: str | None = None,
    ) -> Conversation:
        """A new conversation that has heard nothing.

        `languages` are some of its own, empty is all; `audio_codec` and `speech_codec` are of `codecs`, None is PCM.
        """

    def counters(self) -> Mapping[str, Mapping[str, int]]:
        """Counts that only grow, for the metrics: those of `gate` by layer, and of `speculations` by outcome."""
