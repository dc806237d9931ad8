"""One ear alone is never believed; which of several equal words was lost does not matter."""

from __future__ import annotations

import pytest

from voxduct.bench.speaking.slips import Slips, slips


@pytest.mark.parametrize(
    ("text", "ours", "other", "skipped", "repeated"),
    [
        ("a b c", "a b c", "a b c", "", ""),
        ("a b c", "a c", "a c", "b", ""),
        ("a b c", "a c", "a b c", "", ""),  # one ear heard it
        ("a b c", "a c", "a x c", "", ""),  # one ear heard something in its place
        ("a b c d", "a b", "a b", "c d", ""),
        ("a b c", "a b b c", "a b b c", "", "b"),
        ("a b c", "a b x c", "a b y c", "", "c"),
        ("a b c", "a b b c", "a b c", "", ""),
        ("a b c", "a b c x", "a b c y", "", "-"),  # after the end
        ("no no no no", "no no", "no no no", "no", ""),  # both miss one at least
        ("no no no no", "no no no", "no no no no", "", ""),
        ("no no", "no no no no", "no no no no no", "", "no no"),
        ("so no no no", "no no", "so no no", "no", ""),
        ("red dog cat", "red cat", "read cat", "dog", ""),  # `read` is spelt like `red`
        ("a", "", "", "a", ""),
        ("", "x", "y", "", "-"),
    ],
)
def test_slips_are_what_both_ears_say(text: str, ours: str, other: str, skipped: str, repeated: str) -> None:
    found = slips(text.split(), [ours.split(), other.split()])
    assert found == Slips(tuple(skipped.split()), tuple(word.strip("-") for word in repeated.split()))
