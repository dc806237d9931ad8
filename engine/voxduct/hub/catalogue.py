"""Which models are embedded, and what a model's name on the command line means.

Embedded models lie in the wheel (`voxduct/_models`) or, in a checkout, in `models_onnx`. A model is named by `default`,
by an embedded model's name, by an alias (`whisper-base`), by a folder, or by a repository on a hub (`owner/name`); all
but the first two may end with `:PRECISION`, those on a hub also with `@REVISION` before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from voxduct.errors import ModelError, UnknownModelError
from voxduct.hub.curated import find_curated
from voxduct.hub.manifest import MANIFEST_NAME, Manifest, read_manifest
from voxduct.hub.reference import DEFAULT_REVISION, HubModel, Reference, is_repo_id, parse_reference
from voxduct.hub.voices import VOICES

PACKAGE = Path(__file__).resolve().parents[1]
IN_WHEEL = PACKAGE / "_models"
IN_CHECKOUT = PACKAGE.parents[1] / "models_onnx"


class ModelKind(StrEnum):
    """What a model is for; the `kind` of its manifest."""

    ASR = "asr"
    CODEC = "codec"
    CODEC_LM = "codec-lm"
    G2P = "g2p"
    CONTINUATION = "continuation"


DEFAULT_MODELS = {
    ModelKind.ASR: "voxduct-tiny-en",
    ModelKind.CODEC: "voxduct-codec-16k",
    ModelKind.CODEC_LM: "voxduct-voice-en",
    ModelKind.G2P: "voxduct-g2p-en",
    ModelKind.CONTINUATION: "voxduct-continue",
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


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A folder on this machine."""

    folder: Path
    precision: str | None = None
    """Which of its graphs; None leaves it to whoever loads the model."""


def resolve(model: str | None, kind: ModelKind) -> LocalModel | HubModel:
    """What a user named: a folder that is here, or a model on a hub that may have to be pulled first.

    Embedded models and aliases go before folders of the same name, a folder before a repository; `./name` is always a
    folder.

    Raises:
        UnknownModelError: no such model, or no such folder.
        ModelError: the embedded model that was meant is not installed.
    """
    if model is None or model == "default":
        return LocalModel(find(DEFAULT_MODELS[kind]))
    if (embedded_folder() / model / MANIFEST_NAME).is_file():
        return LocalModel(find(model))
    whole = Path(model).expanduser()
    if find_curated(model) is None and whole.is_dir():
        return LocalModel(whole)
    return _resolve_reference(parse_reference(model), kind)


def _resolve_reference(reference: Reference, kind: ModelKind) -> LocalModel | HubModel:
    name, revision = reference.name, reference.revision or DEFAULT_REVISION
    hears = kind is ModelKind.ASR  # others are not on any hub
    if hears and (curated := find_curated(name)):
        return HubModel(curated.repo_id, revision, reference.precision)
    folder = Path(name).expanduser()
    if folder.is_dir() and reference.revision is None:
        return LocalModel(folder, reference.precision)
    if hears and is_repo_id(name):
        return HubModel(name, revision, reference.precision)
    known = [manifest.name for manifest in embedded() if manifest.kind == kind]
    others = ""
    if hears:
        others = " nor an alias (`voxduct models list` shows them) nor owner/name on a hub"
    elif kind is ModelKind.CODEC_LM:
        others = f" nor one that is pulled ({', '.join(VOICES)})"
    raise UnknownModelError(
        f"{reference} is neither a folder nor an embedded {kind} model (those: {', '.join(known) or 'none'}){others}",
        param=str(reference),
    )
