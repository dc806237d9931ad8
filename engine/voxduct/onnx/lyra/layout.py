"""What a folder with Lyra's graphs holds: `config.json`, the codebooks, and two graphs in `onnx`."""

from __future__ import annotations

from collections.abc import Mapping

MODEL_TYPE = "lyra-soundstream"
GRAPHS = "onnx"
ENCODER = "encoder.onnx"
"""`audio` [1, frames * frame] and states to `features` [1, frames, width] and states."""
CODEBOOKS = "codebooks.npy"
"""float32 [quantizers, entries, width], first quantizer first."""
DECODER = "decoder.onnx"
"""`features` [1, frames, width] and states to `audio` [1, frames * frame] and states."""
FIELDS = ("sampling_rate", "frame_size", "num_codebooks", "cardinality")
CONFIG: Mapping[str, object] = {"model_type": MODEL_TYPE, "sampling_rate": 16_000, "frame_size": 320}
NUM_FEATURES = 64
"""Width of what lies between encoder and quantizer."""
