"""How long after it was said is a word on the screen, and how long after `say` does speech begin?

Clips are joined into a tape with pauses and streamed in real time over one WebSocket per session, 40 ms at a time, as
a sound card would hand them over. Time t of the tape is its sample played at wall-clock second t of the run.

commit latency   word's end in the audio -> the `committed` message with it has arrived (a word that only the `final`
                 brings counts with the final). The word's end is the one that whoever made the clip knew, for words
                 recognised as the right word (`commit_*`); by the recogniser's own word times, for all words, it is
                 `commit_by_model_times_*`. `word_end_error_p50_ms` is the median of |model - known|.
final latency    `final_*`: end of the last sound of the clip -> `final` has arrived. `final_after_decision_*`: from
                 the moment the audio was sent that let the VAD decide. The difference is mostly the VAD's hang-over.
first audio      `first_audio_*`: `say` sent -> first binary message of speech has arrived, one short sentence after
                 the other, in a session that hears nothing.
rtf_asr, rtf_tts seconds of model jobs in the server per second of audio heard or spoken (vad, update and final jobs;
                 speech jobs), from `/metrics`.
loop_lag_p99_ms  how late the server's event loop was, upper limit of the histogram bucket, from `/metrics`.

With `--sessions N` N tapes play at once, each starting a little later; `--speaking M` adds M sessions that have
something spoken all the while; without it, twelve sentences are spoken once the tapes have ended. Words are pooled
over sessions.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from voxduct.bench.clips import Clip, Tape, join
from voxduct.bench.live import Heard, HeardWord, play, say
from voxduct.bench.local_server import Address
from voxduct.bench.results import Figures, milliseconds, percentile, rounded
from voxduct.bench.scoring import WordErrors, align, normalise, right_words, spoken_words_of
from voxduct.bench.server_metrics import LOOP_LAG, ServerMetrics
from voxduct.errors import ServerError
from voxduct_client import Client

REPLIES = (
    "I heard every word of that.",
    "The next train leaves at half past nine.",
    "Please say that again a little slower.",
    "It will be sunny, with a light wind from the west.",
)
STAGGER_S = 0.37  # between the starts of sessions: real speakers do not breathe in step
SPEAKING_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class LatencyOptions:
    """How much at once."""

    sessions: int = 1
    speaking: int = 0
    """Sessions that speak while the others hear."""
    says: int = 12
    """Sentences spoken afterwards, one by one, when none is spoken meanwhile."""
    pause_s: float = 1.2
    """Between clips."""


@dataclass(slots=True)
class Latencies:
    """Seconds, over all sessions."""

    commit: list[float] = field(default_factory=list)
    commit_by_model_times: list[float] = field(default_factory=list)
    word_end_errors: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)
    final_after_decision: list[float] = field(default_factory=list)
    errors: WordErrors = field(default_factory=WordErrors)


def measure(address: Address, clips: Sequence[Clip], options: LatencyOptions) -> Figures:
    """Runs the measurement against a server that is ready.

    Raises:
        ServerError: a session failed, or an utterance did.
    """
    tape = join(clips, options.pause_s)
    before = ServerMetrics.parse(address.get("/metrics"))
    heard, first_audio = asyncio.run(_run(address, tape, options))
    spent = ServerMetrics.parse(address.get("/metrics")) - before
    found = latencies(tape, heard)
    return {
        "sessions": options.sessions,
        "speaking": options.speaking,
        "audio_s": round(tape.seconds * options.sessions, 1),
        "words": found.errors.words,
        "wer": rounded(found.errors.rate),
        **_shares("commit", found.commit),
        **_shares("commit_by_model_times", found.commit_by_model_times),
        "word_end_error_p50_ms": milliseconds(found.word_end_errors, 50),
        **_shares("final", found.final),
        **_shares("final_after_decision", found.final_after_decision),
        **_shares("first_audio", first_audio),
        "says": len(first_audio),
        "rtf_asr": rounded(spent.rtf_asr),
        "rtf_tts": rounded(spent.rtf_tts),
        "loop_lag_p99_ms": _milliseconds(spent.quantile(LOOP_LAG, 0.99)),
        "sending_behind_ms": _milliseconds(percentile([one.behind_s for one in heard], 100)),
    }


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _shares(name: str, values: Sequence[float]) -> Figures:
    return {f"{name}_p50_ms": milliseconds(values, 50), f"{name}_p95_ms": milliseconds(values, 95)}


async def _run(address: Address, tape: Tape, options: LatencyOptions) -> tuple[list[Heard], list[float]]:
    first_audio: list[float] = []
    speakers = [
        asyncio.create_task(_speak(address.stream, first_audio, number, None), name=f"bench: speaker {number}")
        for number in range(options.speaking)
    ]
    try:
        plays = [play(address.stream, tape, delay_s=number * STAGGER_S) for number in range(options.sessions)]
        heard = await asyncio.gather(*plays)
    finally:
        for speaker in speakers:
            speaker.cancel()
        ended = await asyncio.gather(*speakers, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error
    if not speakers:
        await _speak(address.stream, first_audio, 0, options.says)
    for one in heard:
        if one.errors:
            raise ServerError(f"the server reported {len(one.errors)} errors, first {one.errors[0]}")
    return list(heard), first_audio


async def _speak(url: str, first_audio: list[float], first_turn: int, turns: int | None) -> None:
    """Has sentences spoken one after the other, `turns` of them or until cancelled."""
    async with Client(url) as client:
        for turn in itertools.count(first_turn) if turns is None else range(first_turn, first_turn + turns):
            spoken = await say(client, REPLIES[turn % len(REPLIES)], id=f"say-{turn}")
            if spoken.first_audio_s is None:
                raise ServerError(f"nothing was spoken: {spoken.reason}")
            first_audio.append(spoken.first_audio_s)
            await asyncio.sleep(SPEAKING_PAUSE_S)


def latencies(tape: Tape, heard: Sequence[Heard]) -> Latencies:
    """What the arrival times mean, clip by clip."""
    found = Latencies()
    for one in heard:
        _add_words(found, tape, one.words)
        _add_finals(found, tape, one)
    return found


def _add_words(found: Latencies, tape: Tape, words: Sequence[HeardWord]) -> None:
    said = [word for placed in tape.placed for word in normalise(placed.clip.text)]
    spoken = spoken_words_of([word.text for word in words])
    alignment = align(said, [one.text for one in spoken])
    ends = _known_ends(tape)
    found.commit_by_model_times.extend(word.committed - word.end for word in words)
    for at, (_, last) in right_words(said, spoken, alignment).items():
        end, word = ends[last], words[at]
        if end is not None:
            found.commit.append(word.committed - end)
            found.word_end_errors.append(abs(word.end - end))
    found.errors += alignment.errors


def _known_ends(tape: Tape) -> list[float | None]:
    """Per normalised word of the tape where it ends, as far as the clips know."""
    ends: list[float | None] = []
    for placed in tape.placed:
        words = normalise(placed.clip.text)
        known = len(placed.word_ends) == len(words)
        ends += placed.word_ends if known else [None] * len(words)
    return ends


def _add_finals(found: Latencies, tape: Tape, heard: Heard) -> None:
    decided = {stop.utterance: stop.decided for _, stop in heard.stops}
    for arrived, final in heard.finals:
        if final.utterance in decided:
            found.final_after_decision.append(arrived - decided[final.utterance])
    for placed in tape.placed:
        # the last final that overlaps the clip: the one that closed it
        closing = [at for at, final in heard.finals if final.start < placed.end and final.end > placed.start]
        if closing:
            found.final.append(max(closing) - placed.end)
