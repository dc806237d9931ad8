"""What a user may write where a model is wanted, taken apart without looking at any disk or hub.

NAME[@REVISION][:PRECISION]     whisper-base   large-v3-turbo:fp16   onnx-community/whisper-base@v1.0:int8
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voxduct.errors import UnknownModelError

DEFAULT_REVISION = "main"
_PRECISION = re.compile(r"[a-z0-9]+")
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]*")
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, slots=True)
class Reference:
    """A name with what was asked of it; `str` gives back what `parse_reference` takes."""

    name: str
    revision: str | None = None
    """Branch, tag or commit on a hub."""
    precision: str | None = None
    """Such as `int8` or `fp16`."""

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        precision = f":{self.precision}" if self.precision else ""
        return f"{self.name}{revision}{precision}"


@dataclass(frozen=True, slots=True)
class HubModel:
    """A repository on a hub, at a revision."""

    repo_id: str
    revision: str = DEFAULT_REVISION
    precision: str | None = None
    """None leaves it to whoever loads the model."""

    def __str__(self) -> str:
        revision = None if self.revision == DEFAULT_REVISION else self.revision
        return str(Reference(self.repo_id, revision, self.precision))


def parse_reference(text: str) -> Reference:
    """Takes a reference apart.

    Raises:
        UnknownModelError: there is no name, or what follows `@` or `:` cannot be a revision or a precision.
    """
    rest, colon, precision = text.partition(":")
    name, at, revision = rest.partition("@")
    if not name or name != name.strip():
        raise UnknownModelError(f"{text!r} names no model; write NAME, NAME@REVISION or NAME:PRECISION", param=text)
    if colon and not _PRECISION.fullmatch(precision):
        raise UnknownModelError(f"{precision!r} in {text!r} is no precision; write for example {name}:int8", param=text)
    if at and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise UnknownModelError(f"{revision!r} in {text!r} is no revision; write for example {name}@main", param=text)
    return Reference(name, revision or None, precision or None)


def is_repo_id(name: str) -> bool:
    """Whether this can be a repository on a hub: `owner/name`."""
    return _REPO_ID.fullmatch(name) is not None and ".." not in name and "--" not in name
