"""flite, the rule-driven synthesiser whose voices the embedded voices learnt from, as a program on this machine."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from voxduct.audio import Samples
from voxduct.errors import ServerError
from voxduct.voices.sound import read_sound

PROGRAM = "flite"
NEEDS = "flite is not installed (Debian package flite)"
LEARNT_FROM = {"ada": "slt", "ben": "rms", "angus": "awb"}
"""Embedded voices whose training speech was a voice of flite as it is, and that voice."""
LONGEST_S = 120.0
TIMEOUT_S = 60.0


def installed() -> bool:
    """Whether the program is here."""
    return shutil.which(PROGRAM) is not None


def read_aloud(voice: str, text: str) -> Samples:
    """A text as a voice of flite reads it, at 16 kHz.

    Raises:
        ServerError: the program is not here, or failed.
        ClipError: it said more than two minutes.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        _flite(voice, text, path)
        return read_sound(path, LONGEST_S).samples


def phone_seconds(voice: str, text: str) -> list[tuple[str, float]]:
    """The phones that a voice of flite reads a text with, `pau` for a pause, and how long each of them lasts.

    Raises:
        ServerError: the program is not here, or failed.
    """
    found: list[tuple[str, float]] = []
    before = 0.0
    for name, _, end in (phone.rpartition(":") for phone in _flite(voice, text, "none", "-psdur").split()):
        ends = float(end)
        found.append((name, ends - before if ends > before else ends))  # each sentence counts from its own start
        before = ends
    return found


def _flite(voice: str, text: str, out: Path | str, *more: str) -> str:
    """Runs the program; what it prints."""
    command = [PROGRAM, "-voice", voice, *more, "-t", text, "-o", str(out)]
    try:
        return subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S, text=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ServerError(f"flite did not read with its voice {voice}: {error}; {NEEDS} or lacks it") from error
