"""What preparing a model did, and what it left out and why."""

from __future__ import annotations

import msgspec


class NotRewritable(Exception):
    """A graph lacks the pattern that a step rewrites; the step is left out and the reason recorded."""


class Step(msgspec.Struct, frozen=True):
    """One rewrite of one graph."""

    graph: str
    step: str
    done: bool
    note: str
    """What was done, or why it was left out."""
