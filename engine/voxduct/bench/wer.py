"""How many words does the recogniser get wrong?

WER as `voxduct.bench.scoring` defines it, over a folder of clips. Two ways to hear them:

offline   each clip is a session in this process, fed as fast as it is computed; the whole-utterance pass decides.
live      the clips, joined with pauses, are streamed in real time through a server: what a live user gets. Words that
          the pauses' noise brings count as insertions.

`rtf` (offline) is processor seconds, of all threads, per second of audio: what one core would need. With `beside`,
`wer_pocketsphinx` is another recogniser's on the same clips: one of a fixed vocabulary, trained on people.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from voxduct.audio import SAMPLE_RATE
from voxduct.bench.clips import Clip, join
from voxduct.bench.ears import pocketsphinx_ear
from voxduct.bench.live import Heard, play
from voxduct.bench.local_server import Address
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures, rounded
from voxduct.bench.scoring import WordErrors, word_errors
from voxduct.errors import ExtraError
from voxduct.offline import hear_text
from voxduct.session import Engine


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What was heard in one clip, or on one tape."""

    reference: str
    hypothesis: str
    errors: WordErrors


def measure_offline(engine: Engine, clips: Sequence[Clip]) -> tuple[Figures, list[ClipResult]]:
    """Hears each clip on its own, in this process."""
    results, seconds, spent = [], 0.0, 0.0
    for clip in tracked(clips, "wer"):
        samples = clip.samples()
        before = time.process_time()
        heard = hear_text(engine, samples)
        spent += time.process_time() - before
        seconds += len(samples) / SAMPLE_RATE
        results.append(ClipResult(clip.text, heard, word_errors(clip.text, heard)))
    return _figures("offline", results, len(clips), seconds) | {"rtf": rounded(spent / max(seconds, 1e-9))}, results


def measure_live(address: Address, clips: Sequence[Clip], sessions: int = 1) -> tuple[Figures, list[ClipResult]]:
    """Streams the clips through a server, divided among sessions, in real time."""
    tapes = [join(clips[number::sessions]) for number in range(sessions) if clips[number::sessions]]

    async def run() -> list[Heard]:
        return list(await asyncio.gather(*(play(address.stream, tape) for tape in tapes)))

    heard = asyncio.run(run())
    results = [
        ClipResult(tape.text, one.text, word_errors(tape.text, one.text))
        for tape, one in zip(tapes, heard, strict=True)
    ]
    failures = sum(len(one.errors) for one in heard)
    seconds = sum(tape.seconds for tape in tapes)
    return _figures("live", results, len(clips), seconds) | {"errors_reported": failures}, results


def measure_beside(clips: Sequence[Clip]) -> Figures:
    """What PocketSphinx gets wrong on the same clips, each heard on its own.

    Raises:
        ExtraError: it is not installed.
    """
    ear = pocketsphinx_ear()
    if ear is None:
        raise ExtraError("--beside needs PocketSphinx: make setup-bench, or pip install 'voxduct[bench]'")
    errors = [word_errors(clip.text, ear(clip.samples())) for clip in tracked(clips, "pocketsphinx")]
    return {"wer_pocketsphinx": rounded(sum(errors, WordErrors()).rate)}


def _figures(mode: str, results: Sequence[ClipResult], clips: int, seconds: float) -> Figures:
    total = sum((result.errors for result in results), WordErrors())
    return {
        "mode": mode,
        "clips": clips,
        "audio_s": round(seconds, 1),
        "words": total.words,
        "wer": rounded(total.rate),
        "substitutions": total.substitutions,
        "deletions": total.deletions,
        "insertions": total.insertions,
    }
