"""Which continuations are worth putting to the letters, whose answer costs most.

Letters and words hardly ever add to a hypothesis. So continuations are looked at in the order of what they can get at
best, and no further than where none can be among the best any more.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from voxduct.asr.decode.joint import Joint, Note, Said
from voxduct.models import Floats, Ints

WORTH_ASKING = 10.0  # a token so much less likely than the likeliest after the same path is not looked at
FAR = 12.0  # what is guessed to score so much less than the best is not put to the letters


def shortlist(joint: Joint, notes: Sequence[Note], tokens: Ints, scores: Floats, count: int) -> list[tuple[int, Said]]:
    """The `count` continuations that score best before letters are asked, and what is said then.

    Of those that say the same, with other capitals, marks or tokens, the best one is taken.

    Args:
        joint: who has a say.
        notes: of the paths.
        tokens: that may come next, shape [paths, tokens].
        scores: of the paths with these tokens by their log-probabilities alone, the same shape; -inf: not wanted.
        count: how many.

    Returns:
        Places in `tokens`, counted row after row, the best first.
    """
    bounds = scores + joint.bounds(notes, tokens)
    bounds[scores < scores.max(axis=1, keepdims=True) - WORTH_ASKING] = -np.inf
    order = np.argsort(-bounds, axis=None)
    best: dict[str, tuple[float, int, Said]] = {}
    guesses: list[float] = []  # a heap of the `count` greatest
    least = -np.inf
    own = scores.ravel()
    for place, bound in zip(order.tolist(), bounds.ravel()[order].tolist(), strict=True):
        if bound < least or bound == -np.inf:
            break
        row, column = divmod(place, tokens.shape[1])
        said = joint.said(notes[row], int(tokens[row, column]))
        guess = float(own[place]) + joint.guess(notes[row], said)
        known = best.get(said.text)
        if known is None or guess > known[0]:
            best[said.text] = (guess, place, said)
            heapq.heappush(guesses, guess)
            if len(guesses) > count:
                least = max(least, heapq.heappop(guesses))
            least = max(least, guess - FAR)
    found = heapq.nlargest(count, best.values(), key=lambda one: one[0])
    return [(place, said) for _, place, said in found]
