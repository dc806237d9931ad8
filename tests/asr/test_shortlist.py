from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.asr.test_joint import PIECES, joint
from tests.asr.test_spelling import spelling_of
from voxduct.asr.decode.joint import Joint, Note
from voxduct.asr.decode.shortlist import FAR, WORTH_ASKING, shortlist
from voxduct.asr.options import Shares
from voxduct.models import Floats, Ints

TOKENS = np.arange(len(PIECES))
PATHS = [[], [0], [0, 1], [2, 6, 7], [3], [5, 4]]
SCORES = st.lists(st.floats(-14.0, 0.0), min_size=len(PIECES), max_size=len(PIECES))


def judge() -> Joint:
    return joint(Shares(letters=0.1, words=0.25), spelling_of("theory", 50))


def guessed(judge: Joint, notes: list[Note], scores: Floats) -> dict[str, float]:
    """The best guess of everything that may be said, all of it looked at."""
    best: dict[str, float] = {}
    for note, row in zip(notes, scores, strict=True):
        for token in TOKENS[row >= row.max() - WORTH_ASKING].tolist():
            said = judge.said(note, token)
            best[said.text] = max(best.get(said.text, -np.inf), float(row[token]) + judge.guess(note, said))
    top = max(best.values())
    return {text: guess for text, guess in best.items() if guess >= top - FAR}


@given(rows=st.lists(SCORES, min_size=1, max_size=len(PATHS)), count=st.integers(1, 12))
def test_shortlist_is_what_looking_at_everything_finds(rows: list[list[float]], count: int) -> None:
    asked, scores = judge(), np.array(rows)
    notes = [asked.begin(path) for path in PATHS[: len(rows)]]
    tokens: Ints = np.tile(TOKENS, (len(rows), 1))
    found = shortlist(asked, notes, tokens, scores, count)
    expected = guessed(asked, notes, scores)
    texts = [said.text for _, said in found]
    assert len(set(texts)) == len(texts) <= count
    best = sorted(expected.values(), reverse=True)[:count]
    guesses = [scores.flat[place] + asked.guess(notes[place // len(PIECES)], said) for place, said in found]
    np.testing.assert_allclose(guesses[: len(best)], best, atol=1e-9)


def test_shortlist_forbidden_token_is_never_listed() -> None:
    asked = judge()
    scores = np.full((1, len(PIECES)), -np.inf)
    scores[0, 3] = -2.0
    found = shortlist(asked, [asked.begin([])], TOKENS[None], scores, 4)
    assert [place for place, _ in found] == [3]
