from __future__ import annotations

import pytest

from voxduct.errors import VoiceError
from voxduct.tts.shaping.mixture import Mixture, parse_mixture


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ada+ben", Mixture(("ada", "ben"), (0.5, 0.5))),
        ("ben:3+ada", Mixture(("ada", "ben"), (0.25, 0.75))),
        ("ada:.5+ben:1.", Mixture(("ada", "ben"), (1 / 3, 2 / 3))),
        ("a+b+c+d", Mixture(("a", "b", "c", "d"), (0.25,) * 4)),
    ],
)
def test_mixture_weights_are_of_sum_one_and_names_in_order(name: str, expected: Mixture) -> None:
    found = parse_mixture(name)
    assert found.names == expected.names
    assert found.weights == pytest.approx(expected.weights)


@pytest.mark.parametrize("weight", ["0", "0.0", "-1", "nan", "inf", "1e3", "", " 1", "1:2", "9" * 400, "٣"])
def test_mixture_weight_that_is_no_positive_number_raises_voice_error(weight: str) -> None:
    with pytest.raises(VoiceError, match="is no positive number"):
        parse_mixture(f"ada:{weight}+ben")


@pytest.mark.parametrize(
    ("name", "why"), [("a+b+c+d+e", "5 voices"), ("ada", "1 voices"), ("ada+ben+ada:2", "'ada' is twice")]
)
def test_mixture_of_too_few_too_many_or_the_same_raises_voice_error(name: str, why: str) -> None:
    with pytest.raises(VoiceError, match=why):
        parse_mixture(name)
