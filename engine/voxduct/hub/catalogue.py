"""Which models are here, and what a model's name on the command line means.

Embedded models lie in the wheel (`voxduct/_models`) or, in a checkout, in `models_onnx`. A model is named by an
embedded model's name, by an alias (`default`), or by the path of a folder.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from voxduct.errors import ModelError
from voxduct.hub.manifest import MANIFEST_NAME, Manifest, read_manifest

PACKAGE = Path(__file__).resolve().parents[1]
IN_WHEEL = PACKAGE / "_models"
IN_CHECKOUT = PACKAGE.parents[1] / "models_onnx"


class ModelKind(StrEnum):
    """What a model is for; the `kind` of its manifest."""

    ASR = "asr"
    CODEC = "codec"
    CODEC_LM = "codec-lm"
    G2P = "g2p"


DEFAULT_MODELS = {
    ModelKind.ASR: "voxduct-tiny-en",
    ModelKind.CODEC: "voxduct-codec-16k",
    ModelKind.CODEC_LM: "voxduct-voice-en",
    ModelKind.G2P: "voxduct-g2p-en",
}


def embedded_folder() -> Path:
    """The folder that holds the embedded models."""
    return IN_WHEEL if IN_WHEEL.is_dir() else IN_CHECKOUT


def embedded() -> list[Manifest]:
    """The embedded models, by name; raises ModelError when a manifest cannot be read."""
    return [read_manifest(path.parent) for path in sorted(embedded_folder().glob(f"*/{MANIFEST_NAME}"))]


def find(name: str) -> Path:
    """The folder of an embedded model; raises ModelError when there is none of that name."""
    folder = embedded_folder() / name
    if (folder / MANIFEST_NAME).is_file():
        return folder
    names = ", ".join(manifest.name for manifest in embedded()) or "none"
    raise ModelError(f"model {name} is not in {embedded_folder()} (there: {names}); install voxduct again", param=name)


def resolve(model: str | None, kind: ModelKind) -> Path:
    """What a user named (None or `default`, an embedded model's name, a folder) as a folder.

    Raises:
        ModelError: no such model, or no such folder.
    """
    if model is None or model == "default":
        return find(DEFAULT_MODELS[kind])
    if (embedded_folder() / model / MANIFEST_NAME).is_file():
        return find(model)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    names = ", ".join(manifest.name for manifest in embedded() if manifest.kind == kind) or "none"
    raise ModelError(f"{model} is neither a folder nor an embedded {kind} model (those: {names})", param=model)
