"""The bound cache against plain runs that hand every tensor over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from tests.onnx.conftest import Exports
from voxduct.errors import InferenceError
from voxduct.onnx.decoder_cache import DecoderCache
from voxduct.onnx.prepare import Precision, prepare_whisper
from voxduct.onnx.prepare.folder import FIRST, MERGED, NEXT
from voxduct.onnx.runtime import open_session

RNG = np.random.default_rng(4)
RUNS = (4, 1, 1, 2, 1, 1, 1)  # tokens at a time


@pytest.fixture(scope="module")
def folder(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export, with attention, merged and split."""
    source = exports["tiny.en"].folder
    made = prepare_whisper(source, tmp_path_factory.mktemp("cache") / "made", precision=Precision.FP32)
    for stem in (FIRST, NEXT):
        (made / "onnx" / f"{stem}.onnx").write_bytes((source / "onnx" / f"{stem}.onnx").read_bytes())
    return made


@pytest.fixture(params=["merged", "split"])
def sessions(request: pytest.FixtureRequest, folder: Path) -> tuple[ort.InferenceSession, ort.InferenceSession]:
    stems = (MERGED, MERGED) if request.param == "merged" else (FIRST, NEXT)
    first, following = (open_session(folder / "onnx" / f"{stem}.onnx") for stem in stems)
    return (first, first) if request.param == "merged" else (first, following)


def plain(
    sessions: tuple[ort.InferenceSession, ort.InferenceSession], states: np.ndarray, tokens: list[np.ndarray]
) -> list[dict[str, np.ndarray]]:
    past: dict[str, np.ndarray] = {}
    made = []
    for run in tokens:
        going_on = bool(past)
        session = sessions[1] if going_on else sessions[0]
        feeds = {"input_ids": run, "encoder_hidden_states": states, "use_cache_branch": np.array([going_on])} | past
        empty = np.zeros((states.shape[0], 2, 0, 16), np.float32)
        outputs = [output.name for output in session.get_outputs()]
        given = {wanted.name: feeds.get(wanted.name, empty) for wanted in session.get_inputs()}
        values = dict(zip(outputs, session.run(outputs, given), strict=True))
        for name, value in values.items():
            if name.startswith("present") and not (going_on and ".encoder." in name):
                past[name.replace("present", "past_key_values")] = value
        made.append({name: value for name, value in values.items() if not name.startswith("present")})
    return made


def said(rows: int) -> tuple[np.ndarray, list[np.ndarray]]:
    states = RNG.standard_normal((rows, 120, 32), np.float32)
    return states, [RNG.integers(0, 256, (rows, count)) for count in RUNS]


@pytest.mark.parametrize("rows", [1, 3])
def test_decoder_cache_run_by_run_equals_plain_runs(
    rows: int, sessions: tuple[ort.InferenceSession, ort.InferenceSession]
) -> None:
    states, tokens = said(rows)
    cache = DecoderCache(*sessions, ort.OrtValue.ortvalue_from_numpy(states), capacity=sum(RUNS))
    for run, expected in zip(tokens, plain(sessions, states, tokens), strict=True):
        outputs = cache.run(run)
        assert set(outputs) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name], value, atol=1e-5)
    assert cache.position == sum(RUNS)


def test_decoder_cache_two_over_the_same_sessions_do_not_touch_each_other(
    sessions: tuple[ort.InferenceSession, ort.InferenceSession],
) -> None:
    talks = [said(1), said(1)]
    caches = [DecoderCache(*sessions, ort.OrtValue.ortvalue_from_numpy(states), 20) for states, _ in talks]
    expected = [plain(sessions, states, tokens) for states, tokens in talks]
    for turn in range(len(RUNS)):
        for cache, (_, tokens), runs in zip(caches, talks, expected, strict=True):
            np.testing.assert_allclose(cache.run(tokens[turn])["logits"], runs[turn]["logits"], atol=1e-5)


def test_decoder_cache_that_is_full_says_so_and_keeps_what_it_has(
    sessions: tuple[ort.InferenceSession, ort.InferenceSession],
) -> None:
    states, tokens = said(1)
    cache = DecoderCache(*sessions, ort.OrtValue.ortvalue_from_numpy(states), capacity=4)
    cache.run(tokens[0])
    with pytest.raises(InferenceError, match="5 tokens do not fit into a cache for 4"):
        cache.run(tokens[1])
    assert cache.position == 4


def test_decoder_cache_token_out_of_range_fails_as_inference(
    sessions: tuple[ort.InferenceSession, ort.InferenceSession],
) -> None:
    states, _ = said(1)
    cache = DecoderCache(*sessions, ort.OrtValue.ortvalue_from_numpy(states), capacity=4)
    with pytest.raises(InferenceError, match="the decoder failed"):
        cache.run(np.array([[999]]))
