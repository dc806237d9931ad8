from __future__ import annotations

import numpy as np
import pytest

from tests.fakes_continuing import (
    CLUSTERS,
    CONFIG,
    SILENT,
    FakeAcousticLm,
    FakeSemanticLm,
    fake_continuer,
    hum,
    prompt_of,
)
from tests.fakes_speaking import CODES, FakeCodec
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.continuation.acoustic import FRAMES_PER_TOKEN
from voxduct.continuation.options import ContinuationOptions
from voxduct.continuation.stream import ContinuationStream, Continuer
from voxduct.errors import MessageError, ModelError

FRAME = FakeCodec.frame_size


def continued(continuer: Continuer, seconds: float = 2.0, prompt: Samples | None = None, **how: float) -> Samples:
    options = ContinuationOptions(seconds=seconds, **how)  # type: ignore[arg-type]
    heard = continuer.hear(prompt_of(hum(3) if prompt is None else prompt))
    stream = ContinuationStream(continuer, heard, options)
    pieces = []
    while (samples := stream.next_samples()) is not None:
        assert len(samples) <= FRAME
        pieces.append(samples)
    assert stream.next_samples() is None
    return np.concatenate(pieces)


@pytest.mark.parametrize("seconds", [0.01, 0.02, 1.0, 1.2345])
def test_continuation_lasts_as_long_as_asked(seconds: float) -> None:
    assert len(continued(fake_continuer(), seconds)) == round(seconds * SAMPLE_RATE)


def test_continuation_asked_for_longer_begins_with_the_shorter() -> None:
    short, long = continued(fake_continuer(), 1.0), continued(fake_continuer(), 3.0)
    assert np.array_equal(short, long[: len(short)])


def test_continuation_same_seed_is_the_same_and_another_is_another() -> None:
    continuer = fake_continuer()
    first, again, other = continued(continuer, seed=5), continued(continuer, seed=5), continued(continuer, seed=6)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_continuation_at_temperature_zero_needs_no_seed() -> None:
    continuer = fake_continuer()
    assert np.array_equal(continued(continuer, seed=1, temperature=0.0), continued(continuer, seed=2, temperature=0.0))


@pytest.mark.parametrize("seconds", [0.2, 0.28, 0.5, 3.0, 10.0, 14.0])
def test_continuation_of_any_prompt_length_feeds_the_prompt_in_order(seconds: float) -> None:
    acoustic, codec = FakeAcousticLm(), FakeCodec()
    samples = prompt_of(hum(seconds)).samples
    samples = samples[len(samples) % 640 :]
    codes = codec.encode(samples, codec.new_encoder_state())[:, 1:]
    continued(fake_continuer(acoustic=acoustic), 0.5, hum(seconds))
    fed = np.stack([row for row, _, _ in acoustic.fed])
    made = round(0.5 * SAMPLE_RATE) // FRAME + 1 + max(CONFIG.delays)  # one of them overlaps the prompt's end
    first_new = len(fed) - made
    # The step that draws book 0 of the first new frame is fed the prompt's last frame, later books later.
    for book, delay in enumerate(CONFIG.delays):
        assert fed[first_new + delay, book] == codes[book, -1]
    phases = [place for _, _, place in acoustic.fed]
    assert phases == [(phases[0] + number) % FRAMES_PER_TOKEN for number in range(len(phases))]


def test_continuation_steps_are_told_tokens_that_overlap_and_are_all_known() -> None:
    acoustic, tokens = FakeAcousticLm(), FakeSemanticLm()
    continued(fake_continuer(tokens, acoustic), 2.0)
    windows = [window for _, window, _ in acoustic.fed]
    assert all(CLUSTERS not in window for window in windows[2:])
    for before, after in zip(windows[::2], windows[2::2], strict=False):
        assert np.array_equal(before[1:], after[:-1])
    newest = [int(window[3]) for _, window, phase in acoustic.fed if phase == 0]
    assert newest[-20:] == tokens.fed[-20:]


def test_continuation_history_holds_no_unknown_code_after_the_start() -> None:
    acoustic = FakeAcousticLm()
    continued(fake_continuer(acoustic=acoustic), 1.0)
    assert all(row.max() < CODES for row, _, _ in acoustic.fed[8:])


def test_continuation_model_stuck_in_silence_is_made_to_sound() -> None:
    sound = continued(fake_continuer(FakeSemanticLm(stuck_on=SILENT)), 6.0)
    assert longest_silence(sound) < 1.0
    assert np.abs(sound).max() > 0.01


def test_continuation_voice_that_stays_mute_is_started_anew_once() -> None:
    acoustic = FakeAcousticLm(mute=True)
    sound = continued(fake_continuer(acoustic=acoustic), 3.0)
    assert not np.abs(sound[FRAME * 3 :]).any()
    assert acoustic.copies == 2


def test_continuation_is_as_loud_as_its_prompt() -> None:
    quiet, loud = (continued(fake_continuer(), 2.0, hum(3, loudness)) for loudness in (0.03, 0.3))
    np.testing.assert_allclose(quiet * 10, loud, rtol=0.02, atol=1e-3)


@pytest.mark.parametrize(
    ("how", "param"),
    [({"seconds": 0.0}, "seconds"), ({"seconds": 4000.0}, "seconds"), ({"seconds": float("nan")}, "seconds"),
     ({"temperature": -0.1}, "temperature"), ({"temperature": float("nan")}, "temperature")],
)  # fmt: skip
def test_continuation_options_out_of_range_are_refused(how: dict[str, float], param: str) -> None:
    with pytest.raises(MessageError) as caught:
        ContinuationOptions(**how)  # type: ignore[arg-type]
    assert caught.value.param == param


def test_continuer_with_another_codec_is_refused() -> None:
    codec = FakeCodec()
    codec.frame_size = 160
    whole = fake_continuer()
    with pytest.raises(ModelError, match="160"):
        Continuer(whole.tokenizer, whole.semantic, whole.acoustic, codec, CONFIG)


def longest_silence(samples: Samples) -> float:
    """Seconds."""
    longest = run = 0
    for quiet in np.abs(samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)).max(axis=1) < 1e-4:
        run = run + 1 if quiet else 0
        longest = max(longest, run)
    return longest * FRAME / SAMPLE_RATE
