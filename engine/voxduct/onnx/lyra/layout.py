"""What a folder with Lyra's graphs holds: `config.json`, and four graphs in `onnx`."""

from __future__ import annotations

from collections.abc import Mapping

MODEL_TYPE = "lyra-soundstream"
GRAPHS = "onnx"
ENCODER = "encoder.onnx"
"""`audio` [1, frame] and states to `features` [1, 1, width] and states."""
QUANTIZER_ENCODE = "quantizer_encode.onnx"
"""`features` [frames, 1, width] and `num_quantizers` [1] to `codes` [num_quantizers, frames]."""
QUANTIZER_DECODE = "quantizer_decode.onnx"
"""`codes` [quantizers, frames] to `features` [frames, 1, width]."""
DECODER = "decoder.onnx"
"""`features` [1, 1, width] and states to `audio` [1, frame] and states."""
FIELDS = ("sampling_rate", "frame_size", "num_codebooks", "cardinality")
CONFIG: Mapping[str, object] = {"model_type": MODEL_TYPE, "sampling_rate": 16_000, "frame_size": 320}
NUM_FEATURES = 64
"""Width of what lies between encoder and quantizer."""
UNUSED = -1
"""Code of a quantizer that a rate does without."""
