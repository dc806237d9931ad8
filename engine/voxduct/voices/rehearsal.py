"""A new voice says a text that nobody hears, so that how it sounds can be compared with how its clip sounds."""

from __future__ import annotations

from itertools import islice

import numpy as np

from voxduct.models import Ints
from voxduct.tts.sampling import request_rng
from voxduct.tts.shaping.timbre import Portrait, Timbre
from voxduct.tts.synthesiser import Synthesiser
from voxduct.tts.voices import PrimedVoice

TEXT = (
    "Which of them would you choose? A large dog jumped over nine yellow fences, and nobody thought that it was usual "
    "for a Thursday in June. The boys were there when the sun rose: please help us find the way to the old house."
)
"""Every sound of English, about as often as people use it; some ten seconds."""
JOB_FRAMES = 40  # of one job: live speech waits no longer than for a few of its own


class Rehearsal:
    """One voice's."""

    def __init__(self, synthesiser: Synthesiser, primed: PrimedVoice) -> None:
        self._synthesiser = synthesiser
        self._drawn = synthesiser.codes(TEXT, primed, request_rng(0, 0))
        self._frames: list[Ints] = []

    def go_on(self, frames: int = JOB_FRAMES) -> bool:
        """Says more of it; call it in a job. Whether there is more to say."""
        some = list(islice(self._drawn, frames))
        self._frames += some
        return len(some) == frames

    def timbre(self, heard: Ints) -> Timbre | None:
        """From what was said to the codes `heard` of the voice, shape [books, frames]; None where one is too short."""
        vectors = self._synthesiser.code_vectors
        if vectors is None or vectors.parameters is None or not self._frames:
            return None
        portraits = [Portrait.of(codes, vectors) for codes in (np.stack(self._frames, axis=1), heard)]
        if portraits[0] is None or portraits[1] is None:
            return None
        return Timbre.between(portraits[0], portraits[1], vectors.parameters)


def can_rehearse(synthesiser: Synthesiser) -> bool:
    """Whether its codec says what timbre is."""
    vectors = synthesiser.code_vectors
    return vectors is not None and vectors.parameters is not None and vectors.parameters.part is not None
