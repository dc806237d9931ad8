from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.fakes_hearing import FakeWhisper, fake_tokenizer, say
from voxduct.asr.live.stream import AsrStream, Recogniser
from voxduct.asr.options import AsrOptions
from voxduct.asr.times.letters import spelt
from voxduct.asr.tokenizer import TextWord
from voxduct.models import DecoderStep

TOKENIZER = fake_tokenizer()
PROMPT = (TOKENIZER.start, TOKENIZER.no_timestamps)
WORDS = [TextWord("alpha", (1,), 0), TextWord("it's", (2, 3), 1)]
ROOM = 448


class Stepwise(FakeWhisper):
    """Looks at frame i with the i-th token it is fed; remembers what it was fed."""

    def __init__(self) -> None:
        super().__init__(TOKENIZER)
        self.fed: list[list[int]] = []

    def decode(self, tokens: Sequence[int], state: object) -> DecoderStep:
        self.fed.append(list(tokens))
        step = super().decode(tokens, state)
        assert step.attention is not None
        attention = np.zeros_like(step.attention)
        for i in range(len(tokens)):
            attention[:, i, min(i, attention.shape[2] - 1)] = 1.0
        return DecoderStep(step.logits, attention)


def test_spelt_words_are_letters_fed_in_one_call_and_predicted_one_row_earlier() -> None:
    model = Stepwise()
    encoding = model.encode(np.zeros((80, 100), np.float32))
    found = spelt(model, encoding, PROMPT, WORDS, TOKENIZER, "en", ROOM)
    assert found is not None
    words, attention = found
    letters = [TOKENIZER.encode(letter)[0] for letter in " alpha it's"]
    assert model.fed == [[*PROMPT, *letters]]
    assert [(word.text, word.first, word.tokens) for word in words] == [
        ("alpha", 0, tuple(letters[:6])),
        ("it's", 6, tuple(letters[6:])),
    ]
    assert attention.shape == (1, len(letters) + 1, 50)
    assert attention[0].argmax(axis=1).tolist() == [*range(1, len(letters) + 2)]


def test_spelt_more_letters_than_there_is_room_for_are_not_fed() -> None:
    model = Stepwise()
    encoding = model.encode(np.zeros((80, 100), np.float32))
    assert spelt(model, encoding, PROMPT, WORDS, TOKENIZER, "en", len(PROMPT) + 10) is None
    assert model.fed == []


@pytest.mark.parametrize("wanted", [False, True])
def test_final_pass_times_words_by_letters_only_where_asked(wanted: bool) -> None:
    model = Stepwise()
    options = AsrOptions(letter_times=wanted, coalesce=False)
    stream = AsrStream(Recogniser(model, TOKENIZER, options), 0, 0)
    stream.feed(say("alpha", "bravo", "charlie")[:18_000])  # no update hears the end
    stream.end(18_000)
    jobs = 0
    while (job := stream.next_job()) is not None:
        stream.receive(job.run())
        jobs += 1
    spelled = [fed for fed in model.fed if TOKENIZER.encode("a")[0] in fed]
    assert jobs > 1
    assert len(spelled) == int(wanted)
