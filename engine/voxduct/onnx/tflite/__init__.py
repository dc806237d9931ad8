"""Reads TensorFlow Lite files, without TensorFlow: what is in them, and nothing that runs it."""

from voxduct.onnx.tflite.model import (
    Operator,
    Quantisation,
    Signature,
    Subgraph,
    Tensor,
    TfliteModel,
)
from voxduct.onnx.tflite.operators import Op
from voxduct.onnx.tflite.reader import read_tflite

__all__ = ["Op", "Operator", "Quantisation", "Signature", "Subgraph", "Tensor", "TfliteModel", "read_tflite"]
