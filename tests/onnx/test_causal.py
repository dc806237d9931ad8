"""A language model's cache in buffers: the shipped graph against the network it was exported from, in PyTorch."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from voxduct.errors import InferenceError
from voxduct.models import Floats
from voxduct.onnx.causal import CacheShape, CacheState, CausalGraph, Feeds, turn_back
from voxduct.onnx.code_lm import INPUTS, OUTPUTS
from voxduct_training.code_lm_model import CodeLm
from voxduct_training.voice_generate import Speech

MODEL = Path(__file__).parents[2] / "models_onnx" / "voxduct-voice-en"
CONFIG = json.loads((MODEL / "config.json").read_text())
CONTEXT = CONFIG["context_frames"]
SHAPE = CacheShape(CONFIG["num_layers"], CONFIG["num_heads"], CONFIG["head_dim"], CONTEXT)
LONG = 2 * CONTEXT + 90  # steps after which the buffer was moved once


@pytest.fixture(scope="module")
def graph() -> CausalGraph:
    return CausalGraph(MODEL / "onnx" / "lm_step.onnx", INPUTS, OUTPUTS, SHAPE, None)


def fed(steps: int) -> tuple[Feeds, Feeds]:
    rng = np.random.default_rng(0)
    feeds: Feeds = {
        "codes": rng.integers(0, 1024, (1, steps, 4)),
        "phones": rng.integers(0, 40, (1, steps, 4)),
        "age": rng.integers(0, 32, (1, steps)),
    }
    return feeds, {"speaker": rng.standard_normal((1, 64)).astype(np.float32)}


def run(graph: CausalGraph, borders: list[int], steps: int, state: object) -> Floats:
    """Logits of all steps, fed in pieces that end at these borders."""
    feeds, fixed = fed(steps)
    pieces = itertools.pairwise([0, *borders, steps])
    found = [graph.run({k: v[:, a:b] for k, v in feeds.items()}, fixed, state)[0] for a, b in pieces if b > a]
    whole: Floats = np.concatenate(found, axis=1)[0]
    return whole


@pytest.fixture(scope="module")
def stepped(graph: CausalGraph) -> Floats:
    return run(graph, list(range(1, LONG)), LONG, graph.new_state())


def networks(model: CodeLm, steps: int) -> Floats:
    """What the network itself says, each step with the last `CONTEXT - 1` before it."""
    feeds, fixed = fed(steps)
    codes, phones, age = (torch.from_numpy(array) for array in feeds.values())
    speaker = torch.from_numpy(fixed["speaker"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # steps are too small to share
    empty = torch.zeros(SHAPE.layers, 1, SHAPE.heads, 0, SHAPE.head_dim)
    past, found = (empty, empty), []
    with torch.no_grad():
        for step in range(steps):
            at = slice(step, step + 1)
            seen = tuple(part[:, :, :, -(CONTEXT - 1) :] for part in past)
            logits, _, kept = model(codes[:, at], phones[:, at], age[:, at], speaker, torch.tensor([[step]]), seen)
            past = tuple(torch.stack(part) for part in zip(*kept, strict=True))
            found.append(logits[0, 0].numpy())
    torch.set_num_threads(threads)
    return np.stack(found)


def test_causal_graph_stepped_through_three_contexts_says_what_the_network_says(stepped: Floats) -> None:
    assert np.abs(stepped - networks(Speech(MODEL).model, LONG)).max() < 1e-4


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, LONG), max_size=8).map(sorted))
def test_causal_graph_fed_in_any_pieces_says_the_same(graph: CausalGraph, stepped: Floats, borders: list[int]) -> None:
    assert np.abs(run(graph, borders, LONG, graph.new_state()) - stepped).max() < 1e-4


def test_causal_graph_long_stream_takes_no_more_memory_than_two_contexts(graph: CausalGraph) -> None:
    state = graph.new_state()
    assert isinstance(state, CacheState)
    run(graph, list(range(CONTEXT, 6 * CONTEXT, CONTEXT)), 6 * CONTEXT, state)
    assert state.room == 2 * CONTEXT


def test_causal_graph_copied_state_goes_on_alone(graph: CausalGraph, stepped: Floats) -> None:
    feeds, fixed = fed(LONG)
    state = graph.new_state()
    graph.run({name: array[:, :100] for name, array in feeds.items()}, fixed, state)
    copy = graph.copy_state(state)
    other = {name: array[:, 300:] for name, array in feeds.items()}
    graph.run(other, fixed, copy)  # writes where the first one would
    (after, _) = graph.run({name: array[:, 100:101] for name, array in feeds.items()}, fixed, state)
    assert np.abs(after[0, 0] - stepped[100]).max() < 1e-4


def test_causal_graph_that_fails_leaves_the_state_as_it_was(graph: CausalGraph, stepped: Floats) -> None:
    feeds, fixed = fed(LONG)
    state = graph.new_state()
    for step in range(3):
        graph.run({name: array[:, step : step + 1] for name, array in feeds.items()}, fixed, state)
    wrong = {name: array[:, 3:4] for name, array in feeds.items()} | {"codes": np.full((1, 1, 4), 99_999)}
    with pytest.raises(InferenceError, match=r"lm_step\.onnx failed"):
        graph.run(wrong, fixed, state)
    (after, _) = graph.run({name: array[:, 3:4] for name, array in feeds.items()}, fixed, state)
    assert np.abs(after[0, 0] - stepped[3]).max() < 1e-4


def test_turned_back_keys_are_those_of_an_earlier_place() -> None:
    keys = np.random.default_rng(0).standard_normal((2, 5, 8)).astype(np.float32)
    there = keys.copy()
    turn_back(there, -40)  # forward
    assert np.abs(there - keys).max() > 0.5
    turn_back(there, 25)
    turn_back(there, 15)
    assert np.abs(there - keys).max() < 1e-5
