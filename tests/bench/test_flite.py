"""flite as it is here, and what is said where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from voxduct.audio import SAMPLE_RATE
from voxduct.bench import flite
from voxduct.errors import ServerError


def test_flite_reads_a_text_aloud() -> None:
    samples = flite.read_aloud("slt", "Good morning.")
    assert 0.3 < len(samples) / SAMPLE_RATE < 3.0
    assert np.abs(samples).max() > 0.05


def test_flite_phone_seconds_are_as_long_as_what_it_reads() -> None:
    phones = flite.phone_seconds("slt", "Good morning. Stop.")
    names = [name for name, _ in phones]
    assert names[:4] == ["pau", "g", "uh", "d"] and names[-2:] == ["p", "pau"]
    read = len(flite.read_aloud("slt", "Good morning. Stop.")) / SAMPLE_RATE
    assert sum(seconds for _, seconds in phones) == pytest.approx(read, abs=0.1)
    assert min(seconds for _, seconds in phones) > 0.0


@pytest.mark.parametrize("program", ["no-such-program", "false"])
def test_flite_that_is_not_here_or_fails_is_a_typed_error(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(flite, "PROGRAM", program)
    with pytest.raises(ServerError, match="flite"):
        flite.read_aloud("slt", "Good morning.")
