from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.fakes_voices import buzz, hush, wav
from voxduct.audio import SAMPLE_RATE
from voxduct.errors import ClipError
from voxduct.voices.sound import read_sound


def code_of(source: Path | bytes, max_s: float = 60.0) -> str:
    with pytest.raises(ClipError) as caught:
        read_sound(source, max_s)
    assert "\n" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize(("rate", "format"), [(8_000, "WAV"), (22_050, "FLAC"), (44_100, "WAV"), (48_000, "FLAC")])
def test_read_sound_any_rate_becomes_16_khz(rate: int, format: str) -> None:
    time = np.arange(2 * rate) / rate
    tone = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    sound = read_sound(wav(tone, rate, format=format), 60.0)
    assert len(sound.samples) == pytest.approx(2 * SAMPLE_RATE, abs=2)
    spectrum = np.abs(np.fft.rfft(sound.samples[:SAMPLE_RATE]))
    assert spectrum.argmax() == 440
    assert sound.clipped == 0


def test_read_sound_channels_become_their_mean_and_a_path_is_as_good(tmp_path: Path) -> None:
    mono = buzz(1.5)
    path = tmp_path / "stereo.wav"
    path.write_bytes(wav(np.stack([mono, np.zeros_like(mono)], axis=1)))
    assert np.allclose(read_sound(path, 60.0).samples, mono / 2, atol=1e-4)


def test_read_sound_share_at_full_scale_is_of_the_loudest_channel() -> None:
    left = np.zeros(16_000, np.float32)
    left[:4_000] = 1.0
    assert read_sound(wav(np.stack([left, 0 * left], axis=1)), 60.0).clipped == pytest.approx(0.25)


def test_read_sound_small_file_that_unpacks_to_hours_is_refused() -> None:
    data = wav(hush(3_600), format="FLAC")
    assert len(data) < 1_000_000
    assert code_of(data) == "clip_too_long"


@pytest.mark.parametrize("data", [b"", b"RIFF", b"<html>no sound</html>" * 100, wav(buzz(1.0))[:20]])
def test_read_sound_of_no_sound_file_is_unreadable(data: bytes) -> None:
    assert code_of(data) == "clip_unreadable"


def test_read_sound_of_what_is_no_number_is_unreadable(tmp_path: Path) -> None:
    broken = buzz(1.0)
    broken[100] = np.nan
    assert code_of(wav(broken, subtype="FLOAT")) == "clip_unreadable"
    assert code_of(wav(np.zeros((100, 9), np.float32))) == "clip_unreadable"
    assert code_of(wav(buzz(1.0), rate=4_000)) == "clip_unreadable"
    assert code_of(tmp_path / "none.wav") == "clip_unreadable"
    assert code_of(tmp_path) == "clip_unreadable"
