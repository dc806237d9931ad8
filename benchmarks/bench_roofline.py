"""What bounds the recogniser on this machine? Least possible times by memory and by arithmetic, beside measured ones.

    python benchmarks/bench_roofline.py MODEL_FOLDER [--threads N] [--seconds 4.6 30] [--clock processor]

MODEL_FOLDER is a prepared Whisper (int8), such as benchmarks/.cache/peers/tiny/voxduct after `voxduct bench peers`.

Bandwidth is that of dot products over arrays far larger than the caches. Arithmetic is that of ONNX Runtime's own
matrix products, alone in a graph, in the shapes of the model: rows of an encoder window, and the one row of a decoder
step. A step reads the weights of all its matrix products, one byte each, and the keys and values of the past, fp32;
an encoder's bound is its multiplications at the rate of the bare product of like shape. A bound at a layer's own
shapes cannot be beaten by this runtime; what is measured above it is everything else: attention's transposes and
softmax, quantising, copies of the cache, the hand-over between nodes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from threadpoolctl import threadpool_limits

from voxduct.asr.recogniser import Recogniser
from voxduct.onnx.runtime import OrtOptions
from voxduct.onnx.whisper import load_recogniser

ARRAY_BYTES = 256 << 20
REPEATS = 7
FEED_FORWARD = 4  # times the model's width
GIGA = 1e9


CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "processor": time.process_time}


class Timer:
    """Seconds of a clock; `processor` adds up all threads and so is little moved by other work on the machine."""

    def __init__(self, clock: str) -> None:
        self.now = CLOCKS[clock]

    def least(self, call: Callable[[], object], repeats: int = REPEATS) -> float:
        """Of the fastest of some calls, after one that does not count."""
        call()
        found = []
        for _ in range(repeats):
            start = self.now()
            call()
            found.append(self.now() - start)
        return min(found)


def bandwidth(timer: Timer, threads: int) -> float:
    """Bytes read per second by so many threads together."""
    array = np.ones(ARRAY_BYTES // 4, np.float32)
    parts = np.array_split(array, threads)
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        return array.nbytes / timer.least(lambda: list(pool.map(lambda part: float(part @ part), parts)))


def product_rate(timer: Timer, rows: int, inner: int, outer: int, threads: int, *, int8: bool) -> float:
    """Multiply-adds per second of one matrix product in ONNX Runtime."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(_product(inner, outer, int8), options, providers=["CPUExecutionProvider"])
    given = {"x": np.random.default_rng(0).standard_normal((rows, inner), np.float32)}
    return rows * inner * outer / timer.least(lambda: session.run(None, given))


def _product(inner: int, outer: int, int8: bool) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    if int8:
        arrays: dict[str, Any] = {
            "w": random.integers(-64, 64, (inner, outer)).astype(np.int8),
            "scale": np.full(outer, 0.01, np.float32),
            "zero": np.zeros(outer, np.int8),
        }
        node = helper.make_node("DynamicQuantizeMatMul", ["x", "w", "scale", "zero"], ["y"], domain="com.microsoft")
    else:
        arrays = {"w": random.standard_normal((inner, outer), np.float32)}
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", inner])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", outer])],
        [numpy_helper.from_array(value, name) for name, value in arrays.items()],
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    made: bytes = helper.make_model(graph, opset_imports=imports, ir_version=9).SerializeToString()
    return made


def encoder_multiplications(config: dict[str, int], frames: int) -> tuple[int, int]:
    """Of one window: those with weights, and those of attention with itself."""
    width, layers = config["d_model"], config["encoder_layers"]
    convolutions = 3 * width * frames * (2 * config["num_mel_bins"] + width)
    return layers * (4 + 2 * FEED_FORWARD) * width**2 * frames + convolutions, 2 * layers * width * frames**2


def step_bytes(config: dict[str, int], position: int, frames: int) -> tuple[int, int]:
    """Of one decoder step: int8 weights, and keys and values of the past and of the window in fp32."""
    width, layers = config["d_model"], config["decoder_layers"]
    weights = layers * (6 + 2 * FEED_FORWARD) * width**2 + config["vocab_size"] * width
    return weights, layers * 2 * 4 * width * (position + frames)


def measured(timer: Timer, recogniser: Recogniser, seconds: float, tokens: int) -> tuple[float, float]:
    """Seconds of the encoder over a window, and of a decoder step, the mean over so many after the prompt."""
    noise = np.random.default_rng(0).standard_normal(round(16_000 * seconds)).astype(np.float32) * 0.05
    log_mel, model = recogniser.log_mel.compute(noise), recogniser.model
    encoding = model.encode(log_mel)
    prompt = recogniser.tokenizer.prompt("en" if recogniser.multilingual else None)

    def decode() -> float:
        state = model.new_state(encoding)
        model.decode(prompt, state)
        start = timer.now()
        for token in range(tokens):
            model.decode([token + 300], state)
        return (timer.now() - start) / tokens

    return timer.least(lambda: model.encode(log_mel), 3), min(decode() for _ in range(3))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, nargs="+", default=[4.6, 30.0], help="lengths of windows")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="processor: all threads' (busy machine)")
    parser.add_argument("--spinning", action="store_true")
    options = parser.parse_args()
    timer = Timer(options.clock)
    config = json.loads((options.folder / "config.json").read_text(encoding="utf-8"))
    width, wide = config["d_model"], FEED_FORWARD * config["d_model"]
    read = {threads: bandwidth(timer, threads) for threads in sorted({1, options.threads})}
    step_rate = product_rate(timer, 1, width, config["vocab_size"], options.threads, int8=True)
    ort_options = OrtOptions(intra_op_threads=options.threads, spinning=options.spinning)
    recogniser = load_recogniser(options.folder, ort_options)
    windows = []
    for seconds in options.seconds:
        frames, tokens = round(50 * seconds), round(3.5 * seconds)
        shape = (frames, width, wide, options.threads)
        rates = {kind: product_rate(timer, *shape, int8=kind == "int8") for kind in ("int8", "fp32")}
        weighted, attention = encoder_multiplications(config, frames)
        weights, cache = step_bytes(config, tokens // 2, frames)
        encode_s, step_s = measured(timer, recogniser, seconds, tokens)
        encode_bound = weighted / rates["int8"] + attention / rates["fp32"]
        by_memory, by_products = (weights + cache) / read[options.threads], weights / step_rate
        windows.append({
            "window_s": seconds,
            "gemm_gmac_s": {kind: round(rate / GIGA, 1) for kind, rate in rates.items()},
            "encoder": {
                "gmac_weights": round(weighted / GIGA, 2), "gmac_attention": round(attention / GIGA, 2),
                "bound_ms": round(1000 * encode_bound, 1), "measured_ms": round(1000 * encode_s, 1),
                "share_of_bound": round(encode_bound / encode_s, 2),
            },
            "step": {
                "weight_mb": round(weights / 1e6, 1), "cache_mb": round(cache / 1e6, 1),
                "bound_by_memory_ms": round(1000 * by_memory, 2), "bound_by_products_ms": round(1000 * by_products, 2),
                "measured_ms": round(1000 * step_s, 2),
                "share_of_bound": round(max(by_memory, by_products) / step_s, 2),
            },
        })  # fmt: skip
        print(windows[-1], file=sys.stderr)
    print(json.dumps({
        "model": options.folder.name, "threads": options.threads, "clock": options.clock, "spinning": options.spinning,
        "read_gb_s": {str(threads): round(rate / GIGA, 1) for threads, rate in read.items()},
        "gemv_int8_gmac_s": round(step_rate / GIGA, 1), "windows": windows,
    }))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
