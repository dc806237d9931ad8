"""Names for models that are worth pulling, and where a hub keeps them.

Where there are exports that also return their cross-attention (`_timestamped`), those are taken: word times need it.
Sizes are numbers of parameters: bytes are about one per parameter at int8, two at fp16 and four at fp32. Licences are
those that the makers of the weights state.
"""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "whisper-"  # may be left out: `base.en` is `whisper-base.en`


@dataclass(frozen=True, slots=True)
class CuratedModel:
    """A speech recogniser on a hub, in the ONNX layout."""

    alias: str
    repo_id: str
    parameters: int
    license: str
    languages: str
    """`en`, or `many`."""


_MODELS = (
    CuratedModel("whisper-tiny", "onnx-community/whisper-tiny_timestamped", 39_000_000, "Apache-2.0", "many"),
    CuratedModel("whisper-tiny.en", "onnx-community/whisper-tiny.en_timestamped", 39_000_000, "Apache-2.0", "en"),
    CuratedModel("whisper-base", "onnx-community/whisper-base_timestamped", 74_000_000, "Apache-2.0", "many"),
    CuratedModel("whisper-base.en", "onnx-community/whisper-base.en_timestamped", 74_000_000, "Apache-2.0", "en"),
    CuratedModel("whisper-small", "onnx-community/whisper-small_timestamped", 244_000_000, "Apache-2.0", "many"),
    CuratedModel("whisper-small.en", "onnx-community/whisper-small.en_timestamped", 244_000_000, "Apache-2.0", "en"),
    CuratedModel("whisper-medium", "onnx-community/whisper-medium_timestamped", 769_000_000, "Apache-2.0", "many"),
    CuratedModel("whisper-medium.en", "onnx-community/whisper-medium.en_timestamped", 769_000_000, "Apache-2.0", "en"),
    CuratedModel("whisper-large-v2", "Xenova/whisper-large-v2", 1_550_000_000, "Apache-2.0", "many"),
    CuratedModel("whisper-large-v3", "Xenova/whisper-large-v3", 1_550_000_000, "Apache-2.0", "many"),
    CuratedModel(
        "whisper-large-v3-turbo", "onnx-community/whisper-large-v3-turbo_timestamped", 809_000_000, "MIT", "many"
    ),
    CuratedModel("distil-small.en", "distil-whisper/distil-small.en", 166_000_000, "MIT", "en"),
    CuratedModel("distil-medium.en", "distil-whisper/distil-medium.en", 394_000_000, "MIT", "en"),
    CuratedModel("distil-large-v3", "distil-whisper/distil-large-v3", 756_000_000, "MIT", "en"),
    CuratedModel("distil-large-v3.5", "distil-whisper/distil-large-v3.5-ONNX", 756_000_000, "MIT", "en"),
)
CURATED = {model.alias: model for model in _MODELS}


def find_curated(name: str) -> CuratedModel | None:
    """The model of that alias, with or without `whisper-` before it."""
    return CURATED.get(name) or CURATED.get(PREFIX + name)
