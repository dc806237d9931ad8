from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes_hearing import FakeWhisper, fake_tokenizer, say
from voxduct.asr.decode.greedy import Decoded, StopReason
from voxduct.asr.gate import (
    CUTS,
    LAYERS,
    Doubt,
    Evidence,
    GateOptions,
    audible_frames,
    is_inattentive,
    is_known_phrase,
    is_loop,
    is_repetitive,
    is_sparse,
    is_thin,
    is_too_fast,
    is_unlikely,
    judge,
    silent_share,
)
from voxduct.asr.options import DecodingOptions
from voxduct.asr.phrases import PHRASES, is_invented_phrase
from voxduct.asr.recogniser import Recogniser, Window
from voxduct.bench.sounds import NOISES, VARIED, Sound, loudness
from voxduct.models import Floats

FRAME_S = 0.02
FRAMES = 100  # two seconds


def attending(places: list[int], width: int = 1, frames: int = FRAMES) -> Floats:
    """Attention of one head: each token's, evenly over `width` frames from its place, then the end's."""
    rows = np.zeros((1, len(places) + 1, frames), np.float32)
    for i, place in enumerate([*places, frames - 1]):
        rows[0, i, place : place + width] = 1.0
    return rows


def evidence(
    tokens: int = 8,
    *,
    first: int = 0,
    logprob: float = -0.1,
    no_speech: float = 0.0,
    reason: StopReason = StopReason.END,
    attention: Floats | None = None,
    text: str = " what a fine day",
    language: str = "en",
    audible: int = FRAMES,
    gate: GateOptions | None = None,
) -> Evidence:
    """A window of two seconds, by default of true speech; its first `audible` frames can be heard."""
    logprobs = (-0.1,) * first + (logprob,) * (tokens - first)
    heard = attending([10 * i for i in range(tokens)]) if attention is None else attention
    decoded = Decoded(tuple(range(tokens)), logprobs, heard, no_speech, reason)
    mask = np.arange(FRAMES) < audible
    return Evidence(decoded, first, text, language, mask, FRAME_S, DecodingOptions(), gate or GateOptions())


DOUBTFUL = -0.8  # a log-probability that asks for a second sign


def test_gate_true_speech_passes_every_layer() -> None:
    assert [doubt for doubt, objects in LAYERS if objects(evidence())] == []
    assert judge(evidence()) is None


def test_unlikely_needs_no_speech_or_mere_guesses() -> None:
    assert is_unlikely(evidence(logprob=-1.1, no_speech=0.7))
    assert not is_unlikely(evidence(logprob=-1.1, no_speech=0.5))
    assert not is_unlikely(evidence(logprob=-0.9, no_speech=0.7))
    assert is_unlikely(evidence(logprob=-1.4))


def test_unlikely_opening_of_an_utterance_must_be_the_more_certain_where_the_model_says_so() -> None:
    own = GateOptions(opening_logprob=-0.8)
    assert is_unlikely(evidence(logprob=-0.9, gate=own))
    assert not is_unlikely(evidence(logprob=-0.9))
    assert not is_unlikely(evidence(8, first=2, logprob=-0.9, gate=own))


def test_unlikely_looks_at_the_new_tokens_only() -> None:
    assert is_unlikely(evidence(8, first=7, logprob=-2.0))


def test_sparse_few_uncertain_tokens_in_much_sound_are_doubted() -> None:
    assert is_sparse(evidence(1, logprob=-0.4))
    assert not is_sparse(evidence(1, logprob=-0.1))  # one long call, well heard
    assert not is_sparse(evidence(1, logprob=-0.4, audible=70))  # a short one
    assert not is_sparse(evidence(3, logprob=-0.4))
    assert not is_sparse(evidence(1, first=1))  # nothing new was said


@pytest.mark.parametrize("reason", StopReason)
def test_too_fast_and_loop_are_what_the_decoder_stopped_for(reason: StopReason) -> None:
    assert is_too_fast(evidence(reason=reason)) is (reason is StopReason.RATE)
    assert is_loop(evidence(reason=reason)) is (reason is StopReason.LOOP)


def test_repetitive_text_that_deflates_well_is_doubted() -> None:
    assert is_repetitive(evidence(text=" so it goes" * 20))
    assert not is_repetitive(evidence(text=" so it goes, and on it went until nobody knew why it had begun"))


def test_attention_in_silence_is_doubted_however_probable_the_text() -> None:
    assert is_inattentive(evidence(attention=attending([60, 65, 70, 75, 80, 85, 90, 95]), audible=40))
    assert not is_inattentive(evidence(attention=attending([0, 5, 10, 15, 20, 25, 30, 35]), audible=40))


def test_attention_of_committed_words_in_silence_is_not_held_against_new_ones() -> None:
    assert not is_inattentive(evidence(4, first=3, attention=attending([80, 85, 90, 20]), audible=40))


@pytest.mark.parametrize(
    "places",
    [[40] * 8, [10, 60, 15, 65, 20, 70, 25, 75]],
    ids=["stuck", "jumping back"],
)
def test_attention_that_does_not_follow_is_doubted_in_a_doubtful_text_only(places: list[int]) -> None:
    assert is_inattentive(evidence(attention=attending(places), logprob=DOUBTFUL))
    assert not is_inattentive(evidence(attention=attending(places)))


def test_attention_that_goes_forward_is_believed_in_a_doubtful_text() -> None:
    assert not is_inattentive(evidence(logprob=DOUBTFUL))


def test_attention_of_few_tokens_may_stay_where_it_is() -> None:
    assert not is_inattentive(evidence(3, attention=attending([40] * 3), logprob=DOUBTFUL))


def test_attention_everywhere_is_doubted_where_the_model_says_how_narrow_it_is() -> None:
    everywhere = attending([0] * 4, width=FRAMES)
    own = GateOptions(min_focus=0.16, doubtful_focus=0.21)
    assert is_inattentive(evidence(4, attention=everywhere, gate=own))
    assert not is_inattentive(evidence(4, attention=everywhere))
    fairly = attending([0, 10, 20, 30], width=5)  # a focus of 0.2
    assert is_inattentive(evidence(4, attention=fairly, gate=own, logprob=DOUBTFUL))
    assert not is_inattentive(evidence(4, attention=fairly, gate=own))


def test_attention_that_no_export_gives_is_not_judged() -> None:
    without = evidence()
    assert not is_inattentive(replace(without, decoded=replace(without.decoded, attention=None)))


def test_known_phrase_alone_in_a_window_needs_another_sign() -> None:
    said = " Thank you for watching!"
    assert is_known_phrase(evidence(text=said, logprob=DOUBTFUL))
    assert is_known_phrase(evidence(text=said, no_speech=0.4))
    assert is_known_phrase(evidence(3, text=said))  # in two seconds of sound
    assert not is_known_phrase(evidence(text=said))
    assert not is_known_phrase(evidence(text=f"{said} The end is near.", logprob=DOUBTFUL))
    assert not is_known_phrase(evidence(9, first=1, text=said, logprob=DOUBTFUL))
    assert not is_known_phrase(evidence(text=said, language="de", logprob=DOUBTFUL))


def test_phrases_are_written_as_they_are_compared() -> None:
    for language, phrases in PHRASES.items():
        assert [phrase for phrase in phrases if not is_invented_phrase(phrase, language)] == []


def test_judge_first_layer_that_drops_comes_before_those_that_cut() -> None:
    assert judge(evidence(reason=StopReason.RATE)) is Doubt.RATE
    assert judge(evidence(reason=StopReason.RATE, attention=attending([80] * 8), audible=40)) is Doubt.ATTENTION
    assert judge(evidence(logprob=-1.4, text=" no" * 50)) is Doubt.UNLIKELY


def test_layers_are_asked_in_the_order_of_the_doubts() -> None:
    assert [*list(Doubt)[:2], *(doubt for doubt, _ in LAYERS)] == list(Doubt)


@given(
    st.integers(0, 12), st.integers(0, 12), st.floats(-5.0, 0.0), st.floats(0.0, 1.0), st.integers(0, FRAMES),
    st.sampled_from(StopReason), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_judge_any_window_less_probable_text_is_not_more_believable(
    tokens: int, first: int, logprob: float, no_speech: float, audible: int, reason: StopReason, seed: int
) -> None:
    first = min(first, tokens)
    attention = np.random.default_rng(seed).random((2, tokens + 1, FRAMES), np.float32)

    def doubt(probable: float) -> Doubt | None:
        return judge(
            evidence(
                tokens, first=first, logprob=probable, no_speech=no_speech, reason=reason, attention=attention,
                audible=audible, gate=GateOptions(min_focus=0.1, doubtful_focus=0.2),
            )
        )  # fmt: skip

    if doubt(logprob) not in (None, *CUTS):
        assert doubt(logprob - 1.0) not in (None, *CUTS)


@given(st.integers(1, 8), st.integers(0, FRAMES + 40), st.integers(0, 2**32 - 1))
def test_silent_share_is_a_share_and_nothing_where_all_can_be_heard(tokens: int, frames: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.random((tokens, frames + 1), np.float32)
    rows /= rows.sum(axis=1, keepdims=True)
    assert 0.0 <= silent_share(rows, random.random(FRAMES) < 0.3, FRAME_S) <= 1.001
    assert silent_share(rows, np.ones(frames + 1, bool), FRAME_S) == 0.0
    assert silent_share(rows, np.zeros(FRAMES, bool), FRAME_S) == pytest.approx(1.0, abs=1e-3)


def test_audible_frames_are_those_near_the_loudest() -> None:
    samples: Floats = np.repeat(np.array([0.5, 0.1, 0.01, 0.0], np.float32), 320)
    assert audible_frames(samples, 320, GateOptions(), -70.0).tolist() == [True, True, False, False]
    assert not audible_frames((samples * 1e-4).astype(np.float32), 320, GateOptions(), -70.0).any()


def test_thin_window_of_one_click_is_refused_and_of_a_word_is_not() -> None:
    heard = np.zeros(50, bool)
    heard[20:22] = True
    assert is_thin(heard, FRAME_S, GateOptions())
    heard[20:24] = True
    assert not is_thin(heard, FRAME_S, GateOptions())


def test_recogniser_window_of_one_click_is_not_even_encoded() -> None:
    tokenizer = fake_tokenizer()
    model = FakeWhisper(tokenizer)
    click = np.zeros(16_000, np.float32)
    click[8_000:8_100] = 0.5
    heard = Recogniser(model, tokenizer).recognise(Window(click, 0, (), None, 0))
    assert (heard.words, heard.doubt, model.windows) == ((), Doubt.THIN, [])


def test_recogniser_text_written_without_listening_is_dropped() -> None:
    tokenizer = fake_tokenizer()
    recogniser = Recogniser(FakeWhisper(tokenizer), tokenizer, gate=GateOptions(min_focus=0.5))
    window = Window(say("alpha", "bravo"), 0, (), None, 0)
    assert (recogniser.recognise(window).words, recogniser.recognise(window).doubt) == ((), Doubt.ATTENTION)
    assert recogniser.configured().recognise(window).doubt is Doubt.ATTENTION


@pytest.mark.parametrize("sound", [*NOISES.values(), *VARIED], ids=lambda sound: sound.__name__)
def test_sounds_same_seed_is_the_same_sound_at_the_level_wanted(sound: Sound) -> None:
    once, again = (loudness(sound(np.random.default_rng(5), 32_000), -30.0) for _ in range(2))
    assert once.dtype == np.float32 and once.shape == (32_000,) and np.array_equal(once, again)
    if sound is not NOISES["silence"]:
        assert 20 * np.log10(np.sqrt(np.mean(np.square(once)))) == pytest.approx(-30.0, abs=1.5)
