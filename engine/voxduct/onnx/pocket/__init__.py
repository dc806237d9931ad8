"""Pocket TTS as KevinAHM/pocket-tts-onnx publishes it: five graphs and a bundle.json; see docs/voices-published.md."""

from voxduct.onnx.pocket.folder import is_pocket, load_pocket

__all__ = ["is_pocket", "load_pocket"]
