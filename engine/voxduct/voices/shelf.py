"""All voices of a server: the shipped ones, and its owner's, which come and go.

The shelf joins what can speak (the synthesiser), how a voice is made (the enroller) and where it is kept (the store).
Use it on one thread; what takes time is in jobs, and in `load`, `save` and `erase`, which may run on any.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from voxduct.errors import LimitError, VoiceError, VoxductError
from voxduct.voices.enrolment import Enrolled, Enroller, Enrolment
from voxduct.voices.sound import Sound
from voxduct.voices.store import About, Consent, StoredVoice, VoiceStore, check_name

MAX_VOICES = 100  # of one's own; each holds about a megabyte of the model's state

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listed:
    """A voice as it is listed; `about` of shipped voices is None."""

    name: str
    about: About | None


class VoiceShelf:
    """Names to voices. Shipped voices cannot be replaced or taken away."""

    def __init__(self, enroller: Enroller, store: VoiceStore, codec: str) -> None:
        """`codec`: which codec the engine speaks with; voices of another are left alone."""
        self.enroller = enroller
        self.codec = codec
        self._synthesiser = enroller.synthesiser
        self._store = store
        self._own: dict[str, About] = {}
        self._coming: set[str] = set()  # and going

    @property
    def default(self) -> str:
        """The voice of requests that name none."""
        return self._synthesiser.default_voice

    def __iter__(self) -> Iterator[Listed]:
        return iter([Listed(name, self._own.get(name)) for name in self._synthesiser.voices])

    def named(self, name: str) -> Listed:
        """One of them; raises VoiceError."""
        return Listed(self._synthesiser.primed(name).name, self._own.get(name))

    def load(self) -> None:
        """Makes all that are kept ready to speak, once, at the start; one that cannot be is logged and left out."""
        self._store.tidy()
        for name in self._store.names()[:MAX_VOICES]:
            try:
                stored = self._store.load(name)
                self.put(stored, self.ready(stored))
            except VoxductError as error:
                log.warning("the voice %s is left out: %s", name, error)

    def ready(self, stored: StoredVoice) -> Enrolled:
        """A kept voice that can speak; runs models. Raises VoiceError when it was made for another codec."""
        if stored.about.codec != self.codec:
            raise VoiceError(
                f"the voice {stored.name!r} was made with another codec; delete it and make it again", param="name"
            )
        enrolled = Enrolled(self.enroller.voice(stored.name, stored.spoken), stored.spoken)
        rehearsal = self.enroller.rehearsal(enrolled.primed)
        if rehearsal is None:
            return enrolled
        while rehearsal.go_on():  # it was kept by another version, or beside another voice model
            pass
        return self.enroller.rehearsed(enrolled, rehearsal)

    @contextmanager
    def reserved(self, name: str) -> Iterator[None]:
        """Holds a name for a voice that is being made.

        Raises:
            VoiceError: no name for a voice, or there is one, or one is being made. LimitError: no more room.
        """
        check_name(name)
        if name in self._synthesiser.voices or name in self._coming or name in self._store:
            shipped = name in self._synthesiser.shipped
            what = "belongs to the voice model; choose another name" if shipped else "is there already; delete it first"
            raise VoiceError(
                f"the voice {name!r} {what}", code="shipped_voice" if shipped else "voice_exists", param="name"
            )
        if len(self._own) + len(self._coming) >= MAX_VOICES:
            raise LimitError(f"{MAX_VOICES} voices are the most there can be; delete one first", param="name")
        self._coming.add(name)
        try:
            yield
        finally:
            self._coming.discard(name)

    def begin(self, name: str, load: Callable[[], Sound]) -> Enrolment:
        """A voice from a recording, as jobs; hold its name meanwhile."""
        return self.enroller.begin(name, load)

    def stored(self, enrolled: Enrolled, consent: Consent, transcript: str) -> StoredVoice:
        """What to keep of a voice that was made."""
        about = About(
            consent=consent,
            codec=self.codec,
            speech_s=round(enrolled.spoken.speech_s, 2),
            transcript=transcript,
            timbre_of=enrolled.spoken.timbre_of,
        )
        return StoredVoice(enrolled.primed.voice.name, enrolled.spoken, about)

    def save(self, voice: StoredVoice) -> None:
        """Writes it to disk. Raises VoiceStoreError."""
        self._store.save(voice)

    def put(self, stored: StoredVoice, enrolled: Enrolled) -> None:
        """From now on it can be spoken with."""
        self._synthesiser.add(enrolled.primed)
        self._own[stored.name] = stored.about

    @contextmanager
    def removing(self, name: str) -> Iterator[None]:
        """Holds a name while its voice is erased and removed.

        Raises:
            VoiceError: there is none of that name, it is a shipped one, or it is being made or removed.
        """
        if name in self._coming:
            raise VoiceError(f"the voice {name!r} is being made or deleted now", code="voice_exists", param="name")
        if name in self._synthesiser.shipped:
            raise VoiceError(f"{name!r} belongs to the voice model and stays", code="shipped_voice", param="name")
        if name not in self._own and check_name(name) not in self._store:
            raise VoiceError(f"no voice {name!r}; this server has {', '.join(self._synthesiser.voices)}", param="name")
        self._coming.add(name)
        try:
            yield
        finally:
            self._coming.discard(name)

    def erase(self, name: str) -> None:
        """Deletes its file, be it one that could not be loaded. Raises VoiceStoreError. `remove` it then."""
        self._store.delete(name)

    def remove(self, name: str) -> None:
        """From now on nobody can begin to speak with it; who does already goes on."""
        if self._own.pop(name, None) is not None:
            self._synthesiser.remove(name)
