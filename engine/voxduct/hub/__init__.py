"""Where models come from: the embedded ones, their manifests, and what a name on the command line means."""

from voxduct.hub.catalogue import DEFAULT_MODELS, ModelKind, embedded, find, resolve
from voxduct.hub.manifest import MANIFEST_NAME, Manifest, read_manifest, verify

__all__ = [
    "DEFAULT_MODELS",
    "MANIFEST_NAME",
    "Manifest",
    "ModelKind",
    "embedded",
    "find",
    "read_manifest",
    "resolve",
    "verify",
]
