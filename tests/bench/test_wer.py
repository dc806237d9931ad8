from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxduct.bench import wer
from voxduct.bench.clips import Clip
from voxduct.errors import ExtraError


def test_wer_beside_without_the_other_recogniser_names_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wer, "pocketsphinx_ear", lambda: None)
    with pytest.raises(ExtraError, match=r"voxduct\[bench\]"):
        wer.measure_beside([])


def test_wer_beside_counts_what_the_other_recogniser_hears(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    heard = iter(["alpha bravo", "charlie echo"])
    monkeypatch.setattr(wer, "pocketsphinx_ear", lambda: lambda samples: next(heard))
    sound = tmp_path / "clip.wav"
    soundfile.write(sound, np.zeros(16_000, np.float32), 16_000)
    clips = [Clip(sound, "alpha bravo"), Clip(sound, "charlie delta")]
    assert wer.measure_beside(clips) == {"wer_pocketsphinx": 0.25}
