"""Voices of one's own on disk: one `.npz` file each, written whole or not at all.

    <folder>/<name>.npz     codes [books, frames], prompt [2], about: JSON as bytes;
                            shift [2, part] and loud: its timbre, if one was found, with the model that `about` names

Only codes are kept, not the recording; the speaker vector and the model's state are computed from them when the server
starts, so a voice outlives a new voice model as long as the codec stays. A folder belongs to one server.
"""

from __future__ import annotations

import os
import re
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from voxduct.errors import VoiceError, VoiceStoreError
from voxduct.tts.shaping.timbre import Timbre
from voxduct.voices.enrolment import Spoken

SUFFIX = ".npz"
WRITING = ".being-written-"  # what a file is called until it is whole
MAX_FILE_BYTES = 1_000_000  # a voice of six seconds has 10 kB
NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")
MAX_FRAMES = 3000
TIMBRE = ("shift", "loud")


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody agreed to be imitated."""

    text: str
    """What was agreed to, in words."""
    by: str
    """Who said so."""
    given: str
    """When, UTC, as `2026-11-24T12:00:00Z`."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a voice besides its sound."""

    consent: Consent
    codec: str
    """Which codec the codes are of."""
    speech_s: float
    """Seconds of speech in the clip it was made from."""
    transcript: str = ""
    """What was said in the clip, if somebody wrote it down."""
    timbre_of: str = ""
    """Which voice model its timbre belongs to."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredVoice:
    """A voice as it is kept."""

    name: str
    spoken: Spoken
    about: About


def check_name(name: str) -> str:
    """The name, if it may be a voice's; raises VoiceError."""
    if not NAME.fullmatch(name):
        raise VoiceError(
            f"{name!r:.60} cannot be a voice's name; use 1 to 32 of a to z, 0 to 9, - and _, beginning and ending with "
            "a letter or figure",
            code="bad_voice_name",
            param="name",
        )
    return name


class VoiceStore:
    """A folder of voices; it is made when the first is saved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._path(name).exists()

    def names(self) -> list[str]:
        """The voices whose files are there."""
        return sorted(path.stem for path in self.folder.glob(f"*{SUFFIX}") if NAME.fullmatch(path.stem))

    def tidy(self) -> None:
        """Removes what a crash left of a voice that was being written; call it before anything is."""
        for path in self.folder.glob(f"{WRITING}*"):
            path.unlink(missing_ok=True)

    def load(self, name: str) -> StoredVoice:
        """One voice.

        Raises:
            VoiceError: there is none of that name. VoiceStoreError: its file is damaged.
        """
        path = self._path(name)
        if not path.is_file():
            raise VoiceError(f"no voice {name!r} is kept in {self.folder}", param="name")
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise ValueError("too large")
            return _parse(path, name)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            why = str(error) or type(error).__name__
            raise VoiceStoreError(f"{path} is no voice ({why:.100}); delete it and make the voice again") from error

    def save(self, voice: StoredVoice) -> None:
        """Writes a new voice; when this returns it survives a power failure.

        Raises:
            VoiceError: there is one of that name. VoiceStoreError: it cannot be written.
        """
        path = self._path(check_name(voice.name))
        if path.exists():
            raise VoiceError(f"{path} is there already; delete it first", code="voice_exists", param="name")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=WRITING, delete=False) as file:
                try:
                    np.savez(file, **_arrays(voice))
                    file.flush()
                    os.fsync(file.fileno())
                    os.replace(file.name, path)
                except BaseException:  # interrupted, too: half a file must not stay
                    Path(file.name).unlink(missing_ok=True)
                    raise
            self._sync()
        except OSError as error:
            raise VoiceStoreError(f"the voice cannot be kept in {self.folder}: {error.strerror or error}") from error

    def delete(self, name: str) -> None:
        """Removes a voice's file, be it damaged; raises VoiceStoreError when it cannot be. Gone already is fine."""
        try:
            self._path(name).unlink(missing_ok=True)
            if self.folder.is_dir():
                self._sync()
        except OSError as error:
            raise VoiceStoreError(f"{self._path(name)} cannot be deleted: {error.strerror or error}") from error

    def _path(self, name: str) -> Path:
        return self.folder / f"{check_name(name)}{SUFFIX}"

    def _sync(self) -> None:
        """The folder's own entry for the file has to reach the disk, too."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _parse(path: Path, name: str) -> StoredVoice:
    """Raises ValueError and what numpy and zipfile raise; msgspec's errors are ValueErrors."""
    with np.load(path, allow_pickle=False) as stored:
        codes = np.asarray(stored["codes"]).astype(np.int64)
        first, last = (int(edge) for edge in stored["prompt"])
        about = msgspec.json.decode(stored["about"].tobytes(), type=About)
        timbre = _timbre({name: np.asarray(stored[name]) for name in stored.files if name in TIMBRE})
    if codes.ndim != 2 or not 0 <= first < last <= codes.shape[1] <= MAX_FRAMES:
        raise ValueError("its codes are not as expected")
    spoken = Spoken(codes, (first, last), about.speech_s, timbre, about.timbre_of)
    return StoredVoice(name, spoken, about)


def _arrays(voice: StoredVoice) -> dict[str, Any]:
    spoken, timbre = voice.spoken, voice.spoken.timbre
    found: dict[str, Any] = {
        "codes": spoken.codes.astype(np.uint16),
        "prompt": np.array(spoken.prompt, np.int64),
        "about": np.frombuffer(msgspec.json.encode(voice.about), np.uint8),
    }
    if timbre is not None:
        found |= {"shift": timbre.shift, "loud": np.array(timbre.loud, np.float32)}
    return found


def _timbre(arrays: Mapping[str, npt.NDArray[Any]]) -> Timbre | None:
    if not arrays:
        return None
    shift, loud = arrays["shift"].astype(np.float32), arrays["loud"].astype(np.float32)
    if shift.ndim != 2 or len(shift) != 2 or loud.shape or not (np.isfinite(shift).all() and np.isfinite(loud)):
        raise ValueError("its timbre is not as expected")
    return Timbre(shift, float(loud))
