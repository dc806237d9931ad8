from __future__ import annotations

import pytest

from tests.fakes_speaking import PHONES, fake_synthesiser
from voxduct.errors import ModelError
from voxduct.tts.phonemes import PhonePart


def test_synthesiser_names_voices_and_default() -> None:
    synthesiser = fake_synthesiser()
    assert synthesiser.voices == ("ada", "ben")
    assert synthesiser.default_voice == "ada"
    assert (synthesiser.sample_rate, synthesiser.frame_size) == (16000, 320)


def test_synthesiser_without_voices_raises_model_error() -> None:
    with pytest.raises(ModelError):
        fake_synthesiser(voices=[])


@pytest.mark.parametrize(
    ("text", "last"),
    [("Hello.", "."), ("Hello", "."), ("Hello?", "."), ("Hello (you)", "."), ("Hello,", "pau"), ("Hello —", "pau")],
)
def test_synthesiser_clause_ends_in_a_pause_and_a_sentence_in_its_end(text: str, last: str) -> None:
    (part,) = fake_synthesiser().parts(text)
    assert isinstance(part, PhonePart)
    assert PHONES[part.ids[-1]] == last
    assert part.ids.count(PHONES.index(last)) == 1 + (last == "pau")
