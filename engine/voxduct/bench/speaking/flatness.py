"""Does a piece of speech cost as much at the end of a long text as at its beginning?

One text is spoken in one request, and every steady job is timed: one of the size that goes on for ever, which neither
begins a sentence (its phones are looked up there, and its silence is cut) nor ends one.

flatness         time of the last steady job / time of the first; 1 is flat.
flatness_worst   time of the slowest steady job / time of the first. A sentence's jobs grow until the language model's
                 window is full, so this is above 1 by what the window costs, and no more.

Each job counts with the median over `ROUNDS` readings of the same text with the same seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from voxduct.bench.results import Figures, rounded
from voxduct.tts.sentence import SpokenPiece
from voxduct.tts.stream import SpeechStream
from voxduct.tts.text_to_speech import TextToSpeech

ROUNDS = 3

Clock = Callable[[], float]


def measure(synthesiser: TextToSpeech, text: str, voice: str | None = None, clock: Clock | None = None) -> Figures:
    """Speaks the text; `clock` says seconds (None: of this process's processors, which other work moves less).

    Raises:
        TextError: the text is longer than a request may be.
    """
    rounds = [steady_jobs(synthesiser, text, voice, clock or time.process_time) for _ in range(ROUNDS)]
    seconds = np.median([jobs for jobs, _ in rounds], axis=0)
    if len(seconds) < 2:
        return {"flatness": None, "flatness_worst": None, "flatness_jobs": len(seconds)}
    return {
        "flatness": rounded(float(seconds[-1] / seconds[0]), 3),
        "flatness_worst": rounded(float(seconds.max() / seconds[0]), 3),
        "flatness_jobs": len(seconds),
        "flatness_job_ms": rounded(float(np.median(seconds)) * 1000, 2),
        "flatness_speech_s": rounded(rounds[0][1], 1),
    }


def steady_jobs(synthesiser: TextToSpeech, text: str, voice: str | None, clock: Clock) -> tuple[Sequence[float], float]:
    """What each steady job of a text took, in order, and how long the whole speech is; all in seconds."""
    stream = SpeechStream(synthesiser, "flatness", voice)
    stream.feed(text)
    stream.end()
    size, samples = synthesiser.options.job_frames[-1] * synthesiser.frame_size, 0
    took: list[float] = []
    begins = True
    while (job := stream.next_job()) is not None:
        began = clock()
        piece = job.run()
        seconds = clock() - began
        assert isinstance(piece, SpokenPiece)  # codes were not asked for
        if job.audio_samples == size and not begins and not piece.last:
            took.append(seconds)
        begins, samples = piece.last, samples + piece.samples.size
        stream.receive(piece)
    return took, samples / synthesiser.sample_rate
