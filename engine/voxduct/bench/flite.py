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
        try:
            subprocess.run(
                [PROGRAM, "-voice", voice, "-t", text, "-o", str(path)],
                check=True, capture_output=True, timeout=TIMEOUT_S,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise ServerError(f"flite did not read with its voice {voice}: {error}; {NEEDS} or lacks it") from error
        return read_sound(path, LONGEST_S).samples
