"""How far a rewritten graph's outputs are from the untouched export's, on the same random inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from voxduct.errors import ModelError
from voxduct.onnx.runtime import open_session
from voxduct.onnx.whisper_in_place import cross_output
from voxduct.onnx.whisper_streaming import CONV, POSITION

Arrays = dict[str, npt.NDArray[np.generic]]
TOLERANCE = 1e-3
"""The largest difference of a logit or a state that a rewrite without loss of precision may make."""
SEED = 20
RUNS = (4, 1, 1)
"""Tokens fed to a decoder, run after run."""
PROOF_ROOM = 16


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a Whisper's graphs are fed; sizes from its config."""

    num_mels: int
    positions: int
    width: int
    vocabulary: int

    def features(self, frames: int) -> npt.NDArray[np.float32]:
        """Log-mel like noise, [1, num_mels, frames]."""
        return np.random.default_rng(SEED).standard_normal((1, self.num_mels, frames), np.float32)

    def states(self) -> npt.NDArray[np.float32]:
        """Encoder states like noise, [1, positions, width]."""
        return np.random.default_rng(SEED).standard_normal((1, self.positions, self.width), np.float32)

    def tokens(self, count: int) -> npt.NDArray[np.int64]:
        """[1, count]."""
        return np.random.default_rng(count).integers(0, self.vocabulary, (1, count))


def encoder_difference(untouched: Path, made: Path, inputs: Inputs) -> float:
    """The largest difference of a state at 30 s.

    Raises:
        ModelError: a graph does not run, or its outputs have other shapes.
    """
    feeds: Arrays = {"input_features": inputs.features(2 * inputs.positions)}
    return _difference(_run(open_session(untouched), feeds), _run(open_session(made), feeds))


def encoder_frames(made: Path, inputs: Inputs, frames: int) -> int:
    """How many states an encoder makes of some log-mel frames; raises ModelError when it refuses them."""
    return int(_run(open_session(made), {"input_features": inputs.features(frames)})["last_hidden_state"].shape[1])


def streaming_difference(encoder: Path, streaming: Path, inputs: Inputs) -> float:
    """As `encoder_difference`, for an encoder's other form that is given the whole window as its first chunk."""
    features = inputs.features(2 * inputs.positions)
    feeds: Arrays = {
        "input_features": np.pad(features, ((0, 0), (0, 0), (1, 1))),
        f"past_{CONV}": np.zeros((1, inputs.width, 1), np.float32),
        POSITION: np.zeros(1, np.int64),
    }
    return _difference(_run(open_session(encoder), {"input_features": features}), _run(open_session(streaming), feeds))


def decoder_difference(untouched: Mapping[str, Path], made: Mapping[str, Path], inputs: Inputs) -> float:
    """The largest difference of a logit, key or value over a first run and two that go on from it.

    Both are `first` and `next` to a graph; a merged decoder is both. Raises ModelError as `encoder_difference`.
    """
    runs = zip(_decode(untouched, inputs), _decode(made, inputs), strict=True)
    return float(np.max([_difference(theirs, ours) for theirs, ours in runs]))  # max() would lose what is no number


def in_place_difference(untouched: Mapping[str, Path], encoder: Path, decoder: Path, inputs: Inputs) -> float:
    """As `decoder_difference`, for a decoder that writes its cache in place over what `encoder` says of a window.

    Both decode the states of that encoder, so that a difference is the decoder's. Keys and values are compared
    through the logits of the runs that read them. Raises ModelError as `encoder_difference`.
    """
    features: Arrays = {"input_features": inputs.features(2 * inputs.positions)}
    heard = _run(open_session(encoder), features)
    states = np.asarray(heard["last_hidden_state"], np.float32)
    theirs = [made["logits"] for made in _decode(untouched, inputs, states)]
    ours = _decode_in_place(open_session(decoder), heard, inputs)
    gaps = [_difference({"logits": one}, {"logits": other}) for one, other in zip(theirs, ours, strict=True)]
    return float(np.max(gaps))


def _decode_in_place(session: ort.InferenceSession, heard: Arrays, inputs: Inputs) -> Iterator[npt.NDArray[np.generic]]:
    cache: Arrays = {}
    for wanted in session.get_inputs():
        if ".decoder." in wanted.name:
            cache[wanted.name] = np.zeros((1, wanted.shape[1], PROOF_ROOM, wanted.shape[3]), np.float32)
        elif ".encoder." in wanted.name:
            cache[wanted.name] = heard[cross_output(wanted.name)]
    position = 0
    for count in RUNS:
        end = position + count
        feeds: Arrays = {"input_ids": inputs.tokens(count), "positions": np.arange(position, end)}
        feeds |= {"seqlens_k": np.array([end - 1], np.int32), "total_sequence_length": np.array(end, np.int32)}
        outputs = _run(session, feeds | cache)
        cache |= {name: outputs[name.replace("past_key_values", "present", 1)] for name in cache if ".decoder." in name}
        position = end
        yield outputs["logits"]


def _decode(
    graphs: Mapping[str, Path], inputs: Inputs, states: npt.NDArray[np.float32] | None = None
) -> Iterator[Arrays]:
    first = open_session(graphs["first"])
    following = first if graphs["next"] == graphs["first"] else open_session(graphs["next"])
    states = inputs.states() if states is None else states
    cache: Arrays = {}
    for session, count in zip((first, following, following), RUNS, strict=True):
        feeds: Arrays = {"input_ids": inputs.tokens(count), "encoder_hidden_states": states}
        feeds |= {"use_cache_branch": np.array([bool(cache)])} | cache
        outputs = _run(session, feeds)
        for name, value in outputs.items():
            past = name.replace("present", "past_key_values", 1)
            if past != name and (past not in cache or ".encoder." not in past):
                cache[past] = value
        yield outputs


def _run(session: ort.InferenceSession, feeds: Arrays) -> Arrays:
    """All outputs by name; inputs that are not given are caches of no tokens."""
    given: Arrays = {}
    for wanted in session.get_inputs():
        kind = np.float16 if wanted.type == "tensor(float16)" else np.float32
        value = feeds.get(wanted.name)
        if value is None:
            value = np.zeros((1, wanted.shape[1], 0, wanted.shape[3]), kind)
        given[wanted.name] = value.astype(kind) if value.dtype in (np.float16, np.float32) else value
    names = [output.name for output in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, given), strict=True))
    except Exception as error:  # ONNX Runtime has no common base of its errors
        raise ModelError(f"a graph does not run: {str(error).splitlines()[0]}") from error


def _difference(theirs: Arrays, ours: Arrays) -> float:
    """Over what the export gives, attention of single layers left out; a merged decoder's empty ones are equal."""
    gaps = [0.0]
    for name in theirs:
        if "_attentions." in name:
            continue
        if name not in ours:
            raise ModelError(f"{name} is missing, which the export gives")
        if theirs[name].shape != ours[name].shape:
            raise ModelError(f"{name} has shape {ours[name].shape} where the export gives {theirs[name].shape}")
        gap = np.abs(theirs[name].astype(np.float64) - ours[name].astype(np.float64))
        gaps.append(float(gap.max(initial=0.0)))
    return float(np.max(gaps))
