"""Lyra's SoundStream on ONNX Runtime, from a folder that `voxduct.onnx.prepare.lyra` wrote."""

from voxduct.onnx.lyra.codec import LyraCodec, LyraModel

__all__ = ["LyraCodec", "LyraModel"]
