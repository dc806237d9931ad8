"""Language models of random weights as optimum exports them, token for token as transformers generates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from tests.codec_graphs import value, write_graph
from tests.prompted_exports import CONTEXT, PromptedExport
from tests.prompted_tokens import CODES
from voxduct.errors import InferenceError, ModelError
from voxduct.models import Floats
from voxduct.onnx.prompted import load_prompted
from voxduct.onnx.token_lm import OnnxTokenLm
from voxduct.tts.prompted.frames import TokenFrames, TokenSampling
from voxduct.tts.prompted.orpheus import PLACES
from voxduct.tts.prompted.synthesiser import PromptedSynthesiser
from voxduct.tts.sampling import request_rng

PENALISED = TokenSampling(temperature=0, repetition_penalty=1.3)
NEW_TOKENS = 200
Allowed = Callable[[int, torch.Tensor], list[int]]


def greedy(lm: OnnxTokenLm, prompt: list[int], count: int) -> list[int]:
    state, found, waiting = lm.new_state(), list[int](), prompt
    while len(found) < count:
        waiting = [int(lm.step(np.array(waiting), state).argmax())]
        found += waiting
    return found


def generated(export: PromptedExport, prompt: list[int], count: int, **how: object) -> list[int]:
    """What transformers makes, without the prompt."""
    ids = torch.tensor([prompt])
    fixed = {"attention_mask": torch.ones_like(ids), "pad_token_id": 0, "do_sample": False, "num_beams": 1}
    with torch.no_grad():
        tokens = export.model.generate(ids, max_new_tokens=count, **fixed, **how)
    found: list[int] = tokens[0, len(prompt) :].tolist()
    return found


def penalised(export: PromptedExport, prompt: list[int], count: int, allowed: Allowed) -> list[int]:
    """The same, of what is allowed after each token."""
    return generated(export, prompt, count, repetition_penalty=1.3, prefix_allowed_tokens_fn=allowed)


@pytest.mark.parametrize("family", ["orpheus", "outetts"])
@pytest.mark.parametrize("length", [1, 3, 64, 65, 200])
def test_greedy_tokens_are_those_of_transformers(prompted: dict[str, PromptedExport], family: str, length: int) -> None:
    export = prompted[family]
    lm = OnnxTokenLm(export.folder / "onnx/model.onnx")
    prompt = np.random.default_rng(length).integers(0, lm.vocabulary, length).tolist()
    assert greedy(lm, prompt, 40) == generated(export, prompt, 40)


def speak(synthesiser: PromptedSynthesiser, text: str) -> tuple[int, list[int]]:
    """Length of the prompt, and all tokens, of a part of speech drawn greedily with a penalty."""
    (part,) = synthesiser.parts(text)
    prompt, script = synthesiser.family.begin(part, synthesiser.default_voice)
    frames = TokenFrames(synthesiser.lm, prompt, script, PENALISED, request_rng(0, 0))
    while frames.next_frame() is not None and len(frames.tokens) < len(prompt) + NEW_TOKENS:
        pass
    return len(prompt), frames.tokens


def test_orpheus_writes_the_tokens_of_transformers(prompted: dict[str, PromptedExport]) -> None:
    export = prompted["orpheus"]
    synthesiser = load_prompted(export.folder)
    size, tokens = speak(synthesiser, "Good morning to you all.")
    codes = synthesiser.family.vocabulary.id("<custom_token_10>")  # type: ignore[attr-defined]

    def allowed(row: int, ids: torch.Tensor) -> list[int]:
        place = (len(ids) - size) % PLACES
        first = codes + place * CODES
        return [*range(first, first + CODES), *([codes - 8] if place == 0 else [])]

    expected = penalised(export, tokens[:size], len(tokens) - size, allowed)
    assert len(expected) > 7 * 5
    assert tokens[size:] == expected


def test_outetts_writes_the_tokens_of_transformers(prompted: dict[str, PromptedExport]) -> None:
    export = prompted["outetts"]
    synthesiser = load_prompted(export.folder)
    size, tokens = speak(synthesiser, "To you all.")
    encode = synthesiser.family.vocabulary.encode  # type: ignore[attr-defined]
    (start,), (end,) = encode("<|code_start|>"), encode("<|code_end|>")
    (first_code,), (first_time,), (last_time,) = encode("<|0|>"), encode("<|t_0.01|>"), encode("<|t_0.60|>")
    frame_s = synthesiser.frame_size / synthesiser.sample_rate

    def allowed(row: int, ids: torch.Tensor) -> list[int]:
        """By what stands after the last end of a word."""
        written = ids.tolist()
        words = [encode(f"\n{word}") for word in ("to", "you", "all")]
        done = written[size:].count(end)
        since = written[size:] if not done else written[len(written) - written[::-1].index(end) :]
        if done == len(words):
            return [0]
        word = words[done]
        if len(since) < len(word):
            return [word[len(since)]]
        if len(since) == len(word):
            return list(range(first_time, last_time + 1))
        if len(since) == len(word) + 1:
            return [start]
        seconds = (since[len(word)] - first_time + 1) / 100
        if len(since) - len(word) - 2 == round((seconds + 0.5) / frame_s):
            return [end]
        return [*range(first_code, first_code + CODES), end]

    expected = penalised(export, tokens[:size], len(tokens) - size, allowed)
    assert tokens.count(end) > 2
    assert tokens[size:] == expected


def test_tokens_with_a_cache_are_those_without(
    prompted: dict[str, PromptedExport], without_cache: PromptedExport
) -> None:
    cached, plain = load_prompted(prompted["orpheus"].folder), load_prompted(without_cache.folder)
    assert cached.lm.caches and not plain.lm.caches  # type: ignore[attr-defined]
    assert speak(cached, "Well, well.") == speak(plain, "Well, well.")


def test_logits_with_a_cache_are_those_without(
    prompted: dict[str, PromptedExport], without_cache: PromptedExport
) -> None:
    cached, plain = (OnnxTokenLm(export.folder / "onnx/model.onnx") for export in (prompted["orpheus"], without_cache))
    tokens = np.random.default_rng(1).integers(0, cached.vocabulary, 150)
    whole = plain.step(tokens, plain.new_state())

    def pieces(sizes: list[int]) -> Floats:
        state, at = cached.new_state(), 0
        for size in sizes:
            logits = cached.step(tokens[at : at + size], state)
            at += size
        assert cached.position(state) == len(tokens)
        return logits

    for sizes in ([150], [1] * 150, [70, 3, 77], [64, 64, 22]):
        assert np.abs(pieces(sizes) - whole).max() < 1e-4


def test_states_of_two_streams_do_not_disturb_each_other(prompted: dict[str, PromptedExport]) -> None:
    lm = OnnxTokenLm(prompted["orpheus"].folder / "onnx/model.onnx")
    first, second = lm.new_state(), lm.new_state()
    lm.step(np.array([1, 2, 3]), first)
    lm.step(np.array([9]), second)
    alone = lm.new_state()
    lm.step(np.array([1, 2, 3]), alone)
    assert np.array_equal(lm.step(np.array([4]), first), lm.step(np.array([4]), alone))


def test_state_after_a_failure_is_as_before(prompted: dict[str, PromptedExport]) -> None:
    lm = OnnxTokenLm(prompted["orpheus"].folder / "onnx/model.onnx")
    state, other = lm.new_state(), lm.new_state()
    lm.step(np.array([1, 2]), state)
    lm.step(np.array([1, 2]), other)
    with pytest.raises(InferenceError, match=r"model\.onnx failed"):
        lm.step(np.array([lm.vocabulary + 5]), state)
    assert lm.position(state) == 2
    assert np.array_equal(lm.step(np.array([3]), state), lm.step(np.array([3]), other))


def test_context_is_that_of_the_configuration(prompted: dict[str, PromptedExport]) -> None:
    lm = OnnxTokenLm(prompted["outetts"].folder / "onnx/model.onnx")
    assert (lm.context, lm.vocabulary) == (CONTEXT, prompted["outetts"].model.config.vocab_size)


@pytest.mark.parametrize("dtype", ["fp16", "int32"])
def test_graph_of_other_types_is_fed_what_it_takes(
    prompted: dict[str, PromptedExport], tmp_path: Path, dtype: str
) -> None:
    """Half-precision caches, or 32-bit tokens: the same tokens come out."""
    source = prompted["orpheus"].folder / "onnx/model.onnx"
    path = tmp_path / "model.onnx"
    onnx.save(_retyped(onnx.load(source), dtype), path)
    prompt = [5, 6, 7]
    lm = OnnxTokenLm(path, context=CONTEXT)
    assert greedy(lm, prompt, 12) == greedy(OnnxTokenLm(source), prompt, 12)


def _retyped(model: onnx.ModelProto, dtype: str) -> onnx.ModelProto:
    """The graph with casts behind some of its inputs, and before the outputs that become them."""
    graph = model.graph
    wide, narrow = (
        (TensorProto.FLOAT, TensorProto.FLOAT16) if dtype == "fp16" else (TensorProto.INT64, TensorProto.INT32)
    )
    casts = []
    for given in graph.input:
        if given.type.tensor_type.elem_type == wide:
            inside = f"{given.name}_wide"
            for node in graph.node:
                node.input[:] = [inside if name == given.name else name for name in node.input]
            casts.append(helper.make_node("Cast", [given.name], [inside], to=wide))
            given.type.tensor_type.elem_type = narrow
    for found in graph.output if dtype == "fp16" else []:
        if found.name.startswith("present"):
            for node in graph.node:
                node.output[:] = [f"{name}_wide" if name == found.name else name for name in node.output]
                node.input[:] = [f"{name}_wide" if name == found.name else name for name in node.input]
            graph.node.append(helper.make_node("Cast", [f"{found.name}_wide"], [found.name], to=narrow))
            found.type.tensor_type.elem_type = narrow
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def test_graph_that_is_no_language_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_graph(
        path,
        [value("input_ids", TensorProto.INT64, [1, "n"]), value("pixel_values", TensorProto.INT64, [1, "n"])],
        [value("logits", TensorProto.INT64, [1, "n"])],
        [helper.make_node("Add", ["input_ids", "pixel_values"], ["logits"])],
    )
    with pytest.raises(ModelError, match=r"is no language model .* it takes input_ids, pixel_values and 0 of"):
        OnnxTokenLm(path)


def test_graph_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model at"):
        OnnxTokenLm(tmp_path / "model.onnx")
