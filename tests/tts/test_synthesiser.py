from __future__ import annotations

import pytest

from tests.fakes_speaking import PHONES, FakeLm, fake_synthesiser, fake_voice
from voxduct.errors import ModelError, VoiceError
from voxduct.tts.text.phonemes import PhonePart
from voxduct.tts.voices import MixedVoice, PrimedVoice


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


def test_synthesiser_mixture_of_known_voices_is_a_voice_of_the_name_it_was_asked_by() -> None:
    lm = FakeLm()
    synthesiser = fake_synthesiser(lm)
    fed = len(lm.fed)
    mixed = synthesiser.voice("ben:3+ada")
    assert isinstance(mixed, MixedVoice)
    assert mixed.name == "ben:3+ada"
    assert [voice.name for voice in mixed.voices] == ["ada", "ben"]
    assert mixed.weights == (0.25, 0.75)
    assert synthesiser.voices == ("ada", "ben")
    assert len(lm.fed) == fed  # no model ran


@pytest.mark.parametrize("name", ["ada+", "+", "ada+nobody", "ada+ben:x", "ada+ada", "ada:1", "ada+ben+c+d+e"])
def test_synthesiser_mixture_that_makes_no_sense_raises_voice_error(name: str) -> None:
    with pytest.raises(VoiceError) as caught:
        fake_synthesiser().voice(name)
    assert caught.value.code == "unknown_voice"


def test_synthesiser_mixture_with_an_unknown_voice_names_those_that_exist() -> None:
    with pytest.raises(VoiceError, match="no voice 'bob'; this server has ada, ben"):
        fake_synthesiser().voice("ada+bob")


def test_synthesiser_mixture_of_a_voice_that_was_removed_is_gone_with_it() -> None:
    synthesiser = fake_synthesiser()
    synthesiser.add(synthesiser.prime(fake_voice("anna")))
    assert isinstance(synthesiser.voice("ada+anna"), MixedVoice)
    synthesiser.remove("anna")
    with pytest.raises(VoiceError, match="no voice 'anna'"):
        synthesiser.voice("ada+anna")


def test_synthesiser_without_code_vectors_refuses_mixtures() -> None:
    with pytest.raises(VoiceError, match="cannot be mixed"):
        fake_synthesiser(mixes=False).voice("ada+ben")


def test_synthesiser_voice_with_a_plus_in_its_name_is_no_mixture() -> None:
    synthesiser = fake_synthesiser()
    synthesiser.add(synthesiser.prime(fake_voice("clip:a+b.wav")))
    assert isinstance(synthesiser.voice("clip:a+b.wav"), PrimedVoice)
