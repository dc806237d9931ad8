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


@pytest.mark.parametrize("program", ["no-such-program", "false"])
def test_flite_that_is_not_here_or_fails_is_a_typed_error(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(flite, "PROGRAM", program)
    with pytest.raises(ServerError, match="flite"):
        flite.read_aloud("slt", "Good morning.")
