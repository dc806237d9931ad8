"""What a decoder step costs, handed over or bound: does it help to keep keys and values in buffers bound once?

Three ways over the same graph, alternating, one thread, CPU milliseconds of one token:

- `values`: every tensor handed over as an OrtValue for each token, results taken as OrtValues (no copies outside);
- `arrays`: the same with numpy arrays, which copies every key and value in and out;
- `bound`: `voxduct.onnx.decoder_cache`.

    python benchmarks/bench_decoder_cache.py MODEL_FOLDER [--frames 300] [--tokens 200] [--repeats 5]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort

from voxduct.onnx.decoder_cache import DecoderCache
from voxduct.onnx.runtime import open_session
from voxduct.onnx.whisper_files import find_graphs, read_json

PROMPT = 4
Step = Callable[[np.ndarray], None]


def by_values(session: ort.InferenceSession, states: np.ndarray) -> Step:
    def value(array: np.ndarray) -> ort.OrtValue:
        return ort.OrtValue.ortvalue_from_numpy(array)

    names = [output.name for output in session.get_outputs()]
    past = {v.name: value(_empty(v)) for v in session.get_inputs() if v.name.startswith("past")}
    feeds = {"encoder_hidden_states": value(states), "use_cache_branch": value(np.array([False]))} | past

    def step(tokens: np.ndarray) -> None:
        going_on = tokens.shape[1] == 1
        feeds["input_ids"] = value(tokens)
        feeds["use_cache_branch"] = value(np.array([going_on]))
        made = dict(zip(names, session.run_with_ort_values(names, feeds), strict=True))
        for name, one in made.items():
            if name.startswith("present") and not (going_on and ".encoder." in name):
                feeds[name.replace("present", "past_key_values")] = one
        made["logits"].numpy()

    return step


def by_arrays(session: ort.InferenceSession, states: np.ndarray) -> Step:
    names = [output.name for output in session.get_outputs()]
    feeds = {v.name: _empty(v) for v in session.get_inputs() if v.name.startswith("past")}
    feeds["encoder_hidden_states"] = states

    def step(tokens: np.ndarray) -> None:
        going_on = tokens.shape[1] == 1
        feeds.update(input_ids=tokens, use_cache_branch=np.array([going_on]))
        for name, one in zip(names, session.run(names, feeds), strict=True):
            if name.startswith("present") and not (going_on and ".encoder." in name):
                feeds[name.replace("present", "past_key_values")] = one

    return step


def bound(session: ort.InferenceSession, states: np.ndarray, capacity: int) -> Step:
    cache = DecoderCache(session, session, ort.OrtValue.ortvalue_from_numpy(states), capacity)

    def step(tokens: np.ndarray) -> None:
        cache.run(tokens)

    return step


def _empty(value: ort.NodeArg) -> np.ndarray:
    return np.zeros((1, value.shape[1], 0, value.shape[3]), np.float32)


def timed(step: Step, tokens: int) -> list[float]:
    step(np.arange(PROMPT)[None])
    taken = []
    for token in range(tokens):
        start = time.process_time()
        step(np.array([[token]]))
        taken.append(1e3 * (time.process_time() - start))
    return taken


def _median(taken: np.ndarray) -> float:
    return round(float(np.median(taken)), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=300, help="encoder frames of 20 ms")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    session = open_session(find_graphs(options.folder).decoder)
    width = read_json(options.folder / "config.json")["d_model"]
    states = np.random.default_rng(0).standard_normal((1, options.frames, width), np.float32)
    ways: dict[str, Callable[[], Step]] = {
        "values": lambda: by_values(session, states),
        "arrays": lambda: by_arrays(session, states),
        "bound": lambda: bound(session, states, PROMPT + options.tokens),
    }
    taken: dict[str, list[list[float]]] = {name: [] for name in ways}
    for _ in range(options.repeats):
        for name, make in ways.items():
            taken[name].append(timed(make(), options.tokens))
    best = {name: np.array(runs).min(0) for name, runs in taken.items()}  # other work only ever adds
    quarter = options.tokens // 4
    figures = {
        name: {"first_quarter": _median(one[:quarter]), "last_quarter": _median(one[-quarter:])}
        for name, one in best.items()
    }
    print(
        json.dumps({"folder": options.folder.name, "frames": options.frames, "tokens": options.tokens, "ms": figures})
    )


if __name__ == "__main__":
    main()
