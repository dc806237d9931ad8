from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.asr.test_decoding import ALPHA, BRAVO, PROMPT, TOKENIZER
from tests.asr.test_spelling import LETTERS, SPELLER, spelling_of
from tests.asr.test_vocabulary import vocabulary
from voxduct.asr.decode.beam import beam_search
from voxduct.asr.decode.greedy import Request
from voxduct.asr.decode.joint import Joint, Note
from voxduct.asr.decode.rules import text_rules
from voxduct.asr.decode.spelling import Spelling
from voxduct.asr.decode.vocabulary import Vocabulary
from voxduct.asr.options import DecodingOptions, Shares
from voxduct.models import BatchStep, DecoderStep, Floats, Ints

NOTHING = Spelling(np.zeros((40, 1 + len(LETTERS)), np.float32))
PIECES = [" the", "ory", " then", " thx", ".", " 42", "-", "the"]
WORDS_ONLY = Shares(letters=0.0, words=1.0, per_word=0.0)


def joint(shares: Shares = WORDS_ONLY, spelling: Spelling = NOTHING, known: Vocabulary | None = None) -> Joint:
    return Joint(SPELLER, spelling, known or vocabulary(), shares, PIECES.__getitem__)


def followed(judge: Joint, *pieces: str) -> Note:
    return judge.begin([PIECES.index(piece) for piece in pieces])


def score_of(word: str, after: str | None) -> float:
    known = vocabulary()
    number, before = known.number(word), None if after is None else known.number(after)
    assert number is not None
    return known.logprob(number, before)


def test_joint_word_is_scored_after_the_word_before_it() -> None:
    judge = joint()
    expected = score_of("the", "<s>") + score_of("theory", "the")
    assert judge.end(followed(judge, " the", " the", "ory")) == pytest.approx(expected)


def test_joint_word_that_is_being_written_gets_what_its_beginning_can() -> None:
    assert followed(joint(), " the", " the").score == pytest.approx(score_of("the", "<s>") + score_of("the", None))


def test_joint_marks_and_gaps_do_not_change_words() -> None:
    judge = joint()
    assert judge.end(followed(judge, " the", ".", " then")) == judge.end(followed(judge, "the", "-", " then", "."))


def test_joint_unknown_word_costs_more_than_any_known_one() -> None:
    judge = joint()
    assert judge.end(followed(judge, " thx")) < judge.end(followed(judge, " then")) - 10
    assert followed(judge, " thx").score < followed(judge, " then").score - 10


def test_joint_each_figure_costs_about_a_word() -> None:
    judge = joint()
    one, two = judge.end(followed(judge, " 42")), judge.end(followed(judge, " 42", " 42"))
    assert judge.end(followed(judge, " thx")) < one < judge.end(followed(judge, " the"))
    assert two == pytest.approx(2 * one)


def test_joint_said_capitals_marks_and_tokens_make_no_difference() -> None:
    judge = joint()
    assert followed(judge, " the", "ory", ".").said.text == followed(judge, "the", "ory").said.text == "theory"


def test_joint_per_word_is_added_for_each() -> None:
    plain, paid = joint(), joint(Shares(letters=0.0, words=1.0, per_word=2.0))
    pieces = (" the", " then", ".")
    assert paid.end(followed(paid, *pieces)) - plain.end(followed(plain, *pieces)) == pytest.approx(4.0)


def test_joint_without_a_vocabulary_asks_letters_alone() -> None:
    judge = Joint(SPELLER, spelling_of("then"), None, Shares(letters=1.0, words=1.0), PIECES.__getitem__)
    right, wrong = followed(judge, " then"), followed(judge, " thx")
    assert judge.end(right) > judge.end(wrong) + 5


def test_joint_guess_is_the_score_but_for_the_new_letters() -> None:
    judge = joint(Shares(letters=0.5, words=1.0), spelling_of("the"))
    note = judge.begin([])
    token = PIECES.index(" the")
    said = judge.said(note, token)
    after = judge.follow([(note, token, said)])[0]
    assert after.score == pytest.approx(judge.guess(note, said) + 0.5 * after.spelt.logprob)


class Undecided:
    """Says alpha or bravo, alpha a little rather, then ends."""

    num_mels, frame_samples, dynamic = 80, 320, True

    def new_state(self, encoding: object) -> object:
        return None

    def decode(self, tokens: Sequence[int], state: object) -> DecoderStep:
        return DecoderStep(np.stack([self._scores(token) for token in tokens]), None)

    def decode_batch(self, tokens: Ints, state: object) -> BatchStep:
        return BatchStep(np.stack([[self._scores(int(token)) for token in row] for row in tokens]), None)

    def select(self, rows: Sequence[int], state: object) -> None:
        pass

    @staticmethod
    def _scores(token: int) -> Floats:
        scores = np.full(TOKENIZER.timestamp_begin + 10, -20.0, np.float32)
        if token in (ALPHA, BRAVO):
            scores[TOKENIZER.end] = 5.0
        else:
            scores[ALPHA], scores[BRAVO] = 5.0, 4.5
        return scores


@pytest.mark.parametrize(
    ("heard", "share", "winner"),
    [("alpha", 0.1, ALPHA), ("bravo", 0.1, BRAVO), ("bravo", 0.0, ALPHA)],
    ids=["agrees", "differs", "has no say"],
)
def test_beam_search_letters_decide_by_their_share_and_leave_log_probabilities_alone(
    heard: str, share: float, winner: int
) -> None:
    options = DecodingOptions()
    request = Request.of_text(TOKENIZER, options, text_rules(TOKENIZER, options), PROMPT, 16_000)
    judge = Joint(SPELLER, spelling_of(heard, 40), None, Shares(letters=share), TOKENIZER.text_of)
    decoded = beam_search(Undecided(), None, request, 2, joint=judge)  # type: ignore[arg-type]
    assert decoded.tokens == (winner,)
    scores = Undecided._scores(request.prompt[-1])
    assert decoded.logprobs[0] == pytest.approx(scores[winner] - np.logaddexp.reduce(scores), abs=1e-5)
