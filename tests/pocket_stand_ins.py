"""Pocket TTS in the layout that is published, without its network: graphs of a few nodes, and the same in numpy.

Names, shapes, fills and what is fed when are those of KevinAHM/pocket-tts-onnx; the language model is the mean of all
that it was fed, and the decoder mixes each latent with the one before. What runs with them is proven for the layout.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper, parser

LATENT, WIDTH, FRAME, RATE = 4, 6, 12, 1200
PIECES = [
    ("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("▁", -3.0, 1), ("▁hello", -1.0, 1), ("▁good", -1.5, 1), ("▁day", -1.5, 1),
    *((letter, -4.0, 1) for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,!?"),
]  # fmt: skip
HEADER = '<ir_version: 8, opset_import: ["" : 17]>'
CONDITIONER = """conditioner (int64[1,n] token_ids) => (float[1,n,6] embeddings) {
    embeddings = Gather <axis: int = 0> (table, token_ids)
}"""
MAIN = """main (float[1,n,4] sequence, float[1,m,6] text_embeddings, float[1,6] state_0, int64[1] state_1,
              float[2,1,5,3] state_2)
      => (float[1,6] conditioning, float[1,1] eos_logit, float[1,6] out_state_0, int64[1] out_state_1,
          float[2,1,5,3] out_state_2) {
    nothing = IsNaN (sequence)
    known = Where (nothing, bos, sequence)
    projected = MatMul (known, input)
    everything = Concat <axis: int = 1> (text_embeddings, projected)
    added = ReduceSum <keepdims: int = 0> (everything, one)
    out_state_0 = Add (state_0, added)
    shape = Shape <start: int = 1, end: int = 2> (everything)
    out_state_1 = Add (state_1, shape)
    count = Cast <to: int = 1> (out_state_1)
    mean = Div (out_state_0, count)
    mixed = MatMul (mean, output)
    conditioning = Tanh (mixed)
    late = Mul (count, slope)
    end = Add (late, offset)
    eos_logit = Unsqueeze (end, zero)
    out_state_2 = Identity (state_2)
}"""
FLOW = """flow (float[1,6] c, float[1,1] s, float[1,1] t, float[1,4] x) => (float[1,4] flow_dir) {
    wanted = MatMul (c, target)
    moved = Sub (wanted, x)
    span = Add (s, t)
    flow_dir = Mul (moved, span)
}"""
DECODER = """decoder (float[1,k,4] latent, float[1,1,4] state_0, bool[1] state_1)
      => (float[1,1,a] audio, float[1,1,4] out_state_0, bool[1] out_state_1) {
    all = Concat <axis: int = 1> (state_0, latent)
    before = Slice (all, zero, minus, one)
    now = MatMul (latent, present)
    then = MatMul (before, past)
    made = Add (now, then)
    audio = Reshape (made, flat)
    out_state_0 = Slice (all, minus, large, one)
    out_state_1 = Not (state_1)
}"""
ENCODER = """encoder (float[1,1,n] audio) => (float[1,f,6] latents) {
    framed = Reshape (audio, frames)
    latents = MatMul (framed, hear)
}"""


def _random(seed: int, *shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@dataclass(frozen=True)
class PocketNumpy:
    """The same in numpy, all at once."""

    table: npt.NDArray[np.float32] = field(default_factory=lambda: _random(1, len(PIECES), WIDTH))
    bos: npt.NDArray[np.float32] = field(default_factory=lambda: _random(2, LATENT))
    input: npt.NDArray[np.float32] = field(default_factory=lambda: _random(3, LATENT, WIDTH))
    output: npt.NDArray[np.float32] = field(default_factory=lambda: _random(4, WIDTH, WIDTH) * 3)
    target: npt.NDArray[np.float32] = field(default_factory=lambda: _random(5, WIDTH, LATENT))
    present: npt.NDArray[np.float32] = field(default_factory=lambda: _random(6, LATENT, FRAME) * 0.1)
    past: npt.NDArray[np.float32] = field(default_factory=lambda: _random(7, LATENT, FRAME) * 0.1)
    hear: npt.NDArray[np.float32] = field(default_factory=lambda: _random(8, FRAME, WIDTH))
    slope: float = 0.25
    offset: float = -12.0

    def latents(self, voice: npt.NDArray, tokens: list[int], noise: npt.NDArray, after: int) -> npt.NDArray:
        """Frames of a text, without any memory: the mean is taken anew each time."""
        fed = [*voice, *self.table[tokens]]
        found: list[npt.NDArray] = []
        last = None
        while last is None or len(found) < last + after:
            fed.append((found[-1] if found else self.bos) @ self.input)
            if last is None and len(fed) * self.slope + self.offset > -4:
                last = len(found)
                if not after:
                    break
            conditioning = np.tanh(np.mean(fed, axis=0) @ self.output)
            found.append(noise[len(found)] + (conditioning @ self.target - noise[len(found)]))
        return np.stack(found)

    def sound(self, latents: npt.NDArray) -> npt.NDArray:
        """Samples of all frames of a piece."""
        before = np.concatenate([np.zeros((1, LATENT), np.float32), latents[:-1]])
        sound: npt.NDArray = (latents @ self.present + before @ self.past).reshape(-1)
        return sound


REFERENCE = PocketNumpy()


def write_pocket(folder: Path, suffix: str = "_int8") -> Path:
    """All files; graphs with this suffix."""
    folder.mkdir(parents=True, exist_ok=True)
    weights: dict[str, npt.NDArray] = {name: getattr(REFERENCE, name) for name in
        ("table", "bos", "input", "output", "target", "present", "past", "hear")}  # fmt: skip
    weights |= {
        "one": np.array([1]), "zero": np.array([0]), "minus": np.array([-1]), "large": np.array([2**31]),
        "flat": np.array([1, 1, -1]), "frames": np.array([1, -1, FRAME]),
        "slope": np.array([REFERENCE.slope], np.float32), "offset": np.array([REFERENCE.offset], np.float32),
    }  # fmt: skip
    graphs = {"text_conditioner": CONDITIONER, "flow_lm_main": MAIN, "flow_lm_flow": FLOW, "mimi_decoder": DECODER,
              "mimi_encoder": ENCODER}  # fmt: skip
    for name, text in graphs.items():
        model = parser.parse_model(f"{HEADER}\n{text}")
        used = {one for node in model.graph.node for one in node.input}
        model.graph.initializer.extend(
            numpy_helper.from_array(weights[one], one) for one in sorted(used & set(weights))
        )
        onnx.save(model, folder / f"{name}{suffix}.onnx")
    (folder / "bundle.json").write_text(json.dumps(bundle()), encoding="utf-8")
    (folder / "tokenizer.model").write_bytes(sentencepiece(PIECES))
    np.save(folder / "bos_before_voice.npy", _random(9, 1, 1, WIDTH))
    return folder


def bundle() -> dict[str, object]:
    def state(index: int, shape: list[int], dtype: str, fill: str, key: str) -> dict[str, object]:
        names = {"input_name": f"state_{index}", "output_name": f"out_state_{index}", "index": index}
        return {**names, "module": "layers.0", "key": key, "shape": shape, "dtype": dtype, "fill": fill}

    return {
        "sample_rate": RATE, "frame_rate": RATE / FRAME, "samples_per_frame": FRAME, "latent_dim": LATENT,
        "conditioning_dim": WIDTH, "max_token_per_chunk": 20, "insert_bos_before_voice": True,
        "bos_before_voice_file": "bos_before_voice.npy", "tokenizer_file": "tokenizer.model",
        "remove_semicolons": True, "pad_with_spaces_for_short_inputs": False,
        "model_recommended_frames_after_eos": None,
        "flow_lm_state_manifest": [
            state(0, [1, WIDTH], "float32", "zeros", "sum"), state(1, [1], "int64", "zeros", "step"),
            state(2, [2, 1, 5, 3], "float32", "nan", "cache"),
        ],
        "mimi_state_manifest": [
            state(0, [1, 1, LATENT], "float32", "zeros", "before"), state(1, [1], "bool", "ones", "first"),
        ],
    }  # fmt: skip


def sentencepiece(pieces: list[tuple[str, float, int]], kind: int = 1) -> bytes:
    """A `tokenizer.model`; `kind` 1 is unigram."""

    def message(number: int, content: bytes) -> bytes:
        assert len(content) < 128
        return bytes([number << 3 | 2, len(content)]) + content

    made = b"".join(
        message(1, message(1, text.encode()) + b"\x15" + struct.pack("<f", score) + bytes([0x18, what]))
        for text, score, what in pieces
    )
    return made + message(2, bytes([0x18, kind])) + message(3, bytes([0x18, 1, 0x20, 1]))


def write_tensors(path: Path, tensors: dict[str, npt.NDArray]) -> None:
    """A file of safetensors."""
    kinds = {"float32": "F32", "int64": "I64"}
    header: dict[str, object] = {"__metadata__": {"made": "here"}}
    data = b""
    for name, array in tensors.items():
        raw = array.tobytes()
        header[name] = {"dtype": kinds[str(array.dtype)], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}  # fmt: skip
        data += raw
    about = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(about)) + about + data)
