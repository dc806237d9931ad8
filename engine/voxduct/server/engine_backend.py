"""The real backend: one engine's models, shared by all sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from voxduct.audio import AudioFormat
from voxduct.coded import CodecFormat
from voxduct.errors import VoiceError
from voxduct.server.warm_up import warm_up
from voxduct.session import Engine, Session, SessionOptions
from voxduct.voices.shelf import VoiceShelf


@dataclass(frozen=True, slots=True)
class EngineBackend:
    """The real one: an engine and how its sessions behave."""

    engine: Engine
    options: SessionOptions = field(default_factory=SessionOptions)
    shelf: VoiceShelf | None = None
    """Of the same synthesiser."""

    @property
    def voices(self) -> tuple[str, ...]:
        """Voices of the synthesiser, when there is one."""
        return tuple(self.engine.synthesiser.voices) if self.engine.synthesiser is not None else ()

    def check_voice(self, name: str) -> None:
        """Asks the synthesiser for it."""
        if self.engine.synthesiser is None:
            raise VoiceError(f"no voice {name!r:.60}; this server was started without speech", param="voice")
        self.engine.synthesiser.voice(name)

    @property
    def voice_sample_rate(self) -> int:
        """Hertz of the synthesiser's speech."""
        return self.engine.synthesiser.sample_rate if self.engine.synthesiser is not None else 0

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages the recogniser knows."""
        return self.engine.recogniser.languages

    @property
    def revises(self) -> bool:
        """Whether there is a second recogniser."""
        return self.engine.second_recogniser is not None

    @property
    def codecs(self) -> Sequence[CodecFormat]:
        """The engine's."""
        return [codec.format for codec in self.engine.codecs.values()]

    def warm_up(self) -> None:
        """Hears a buzz and says a word."""
        warm_up(self)

    def open_session(
        self,
        audio_format: AudioFormat,
        voice: str | None,
        *,
        languages: tuple[str, ...] = (),
        revisions: bool = False,
        audio_codec: str | None = None,
        speech_codec: str | None = None,
    ) -> Session:
        """A new session on the shared models."""
        wanted = replace(
            self.options,
            voice=voice or self.options.voice,
            languages=languages or self.options.languages,
            revisions=revisions,
            audio_codec=audio_codec,
            speech_codec=speech_codec,
        )
        return Session(self.engine, wanted, audio_format)

    def counters(self) -> Mapping[str, Mapping[str, int]]:
        """What all sessions have counted."""
        counts = self.engine.counts
        return {"gate": counts.gate.by_layer, "speculations": asdict(counts.speculations)}
