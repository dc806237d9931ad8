"""What may come next in a sequence of tokens that is half given and half chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from voxduct.models import Ints


@dataclass(frozen=True, slots=True)
class Given:
    """These tokens come next, whatever the model thinks."""

    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The model chooses one of these, shape [n], n at least 1."""

    tokens: Ints


Next: TypeAlias = Given | Choice | None
"""None: the speech is over."""


class Script(Protocol):
    """The form of one sentence's tokens. Every answer is one that the model could have given."""

    def next(self) -> Next:
        """What comes next; moves on past what is given."""

    def take(self, token: int) -> Ints | None:
        """The token that was chosen of the last `Choice`; a code frame, shape [codes of a frame], that it completes."""
