"""Codecs that others trained and exported: EnCodec, DAC, Mimi, SNAC, WavTokenizer. See docs/codecs.md."""

from voxduct.onnx.codecs.codec import ExportedCodec

__all__ = ["ExportedCodec"]
