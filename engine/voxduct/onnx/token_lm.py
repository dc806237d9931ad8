"""A causal language model as exporters write them: Llama, Qwen and their like, by transformers' or optimum's names.

`input_ids`, `attention_mask`, `position_ids`, `past_key_values.N.key` and `.value`, `num_logits_to_keep` and
`use_cache_branch` are fed where the graph has them; `logits` and `present.N.*` come back. A graph without a cache is
given all tokens anew every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime as ort

from voxduct.errors import InferenceError, ModelError
from voxduct.models import Floats, Ints
from voxduct.onnx.graph import Graph, as_value
from voxduct.onnx.runtime import OrtOptions, open_session
from voxduct.onnx.whisper_files import read_json

PAST, PRESENT = "past_key_values.", "present."
BLOCK = 64  # tokens fed at once: logits of a long prompt would take gigabytes
DEFAULT_CONTEXT = 4096


@dataclass(slots=True, eq=False)
class TokenState:
    """Keys and values of the tokens fed so far, by the inputs that take them; or the tokens, where there is no cache.

    Values are replaced, never written to.
    """

    cache: Mapping[str, ort.OrtValue] = field(default_factory=dict)
    tokens: tuple[int, ...] = ()


class OnnxTokenLm:
    """Implements `voxduct.models.TokenLm`; shared by all streams."""

    def __init__(self, path: Path, options: OrtOptions | None = None, *, context: int | None = None) -> None:
        """`context` is what `config.json` beside the graph, or above it, says where it is None.

        Raises:
            ModelError: the file is missing, or is no graph of a language model.
        """
        session = open_session(path, options)
        self._path = path
        self._graph = Graph(session)
        self._past = [name for name in self._graph.inputs if name.startswith(PAST)]
        outputs = {output.name: output for output in session.get_outputs()}
        known = {"input_ids", "attention_mask", "position_ids", "num_logits_to_keep", "use_cache_branch", *self._past}
        strange = sorted(set(self._graph.inputs) - known)
        missing = {_present(name) for name in self._past} - set(outputs)
        if "input_ids" not in self._graph.inputs or "logits" not in outputs or strange or missing:
            inputs = ", ".join(name for name in self._graph.inputs if name not in self._past)
            raise ModelError(
                f"{path} is no language model with text in and logits out: it takes {inputs} and "
                f"{len(self._past)} of {PAST}*; export it with optimum for text-generation-with-past"
            )
        self.context = context or _context_of(path)
        size = outputs["logits"].shape[-1]
        self.vocabulary = size if isinstance(size, int) else self._probe()

    @property
    def caches(self) -> bool:
        """Whether the graph remembers what it was fed; if not, each token costs as much as all before it."""
        return bool(self._past)

    def new_state(self) -> TokenState:
        """An empty cache."""
        return TokenState({name: self._graph.empty(name, 1) for name in self._past})

    def position(self, state: object) -> int:
        """Tokens fed so far."""
        return len(_known(state).tokens)

    def step(self, tokens: Ints, state: object) -> Floats:
        """Feeds tokens of shape [n]; advances `state` by as many. Raises InferenceError."""
        known = _known(state)
        if not self.caches:
            everything = np.array([*known.tokens, *tokens], np.int64)
            logits = self._run(everything, known)
            known.tokens = tuple(everything.tolist())
            return logits
        for at in range(0, len(tokens), BLOCK):
            logits = self._run(tokens[at : at + BLOCK], known)
        return logits

    def _run(self, tokens: Ints, state: TokenState) -> Floats:
        feeds = {name: as_value(array) for name, array in self._inputs(tokens, state).items()}
        try:
            found = self._graph.run({**feeds, **state.cache})
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InferenceError(f"{self._path.name} failed: {reason[:200]}") from error
        if self.caches:
            state.cache = {name: found[_present(name)] for name in self._past}
            state.tokens = (*state.tokens, *tokens.tolist())
        logits: Floats = found["logits"].numpy()[0, -1].astype(np.float32)
        return logits

    def _inputs(self, tokens: Ints, state: TokenState) -> dict[str, np.ndarray]:
        before = len(state.tokens) if self.caches else 0
        everything = {
            "input_ids": tokens[None],
            "attention_mask": np.ones((1, before + len(tokens)), np.int64),
            "position_ids": np.arange(before, before + len(tokens), dtype=np.int64)[None],
            "num_logits_to_keep": np.array(1, np.int64),
            "use_cache_branch": np.array([before > 0]),
        }
        return {
            name: _typed(array, self._graph.inputs[name].type)
            for name, array in everything.items()
            if name in self._graph.inputs
        }

    def _probe(self) -> int:
        return int(self._run(np.zeros(1, np.int64), self.new_state()).shape[-1])


def _typed(array: np.ndarray, kind: str) -> np.ndarray:
    return np.ascontiguousarray(array.astype(np.int32) if kind == "tensor(int32)" else array)


def _present(past: str) -> str:
    return past.replace(PAST, PRESENT, 1)


def _known(state: object) -> TokenState:
    if not isinstance(state, TokenState):
        raise TypeError(f"not a state of this model: {type(state).__name__}")
    return state


def _context_of(path: Path) -> int:
    folders = [folder for folder in (path.parent, path.parent.parent) if (folder / "config.json").is_file()]
    config = folders[0] / "config.json" if folders else path
    found = read_json(config).get("max_position_embeddings", DEFAULT_CONTEXT) if folders else DEFAULT_CONTEXT
    if not isinstance(found, int) or found < 1:
        raise ModelError(f"{config} says {found!r} for max_position_embeddings; fetch the model again")
    return found
