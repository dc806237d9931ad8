"""Runs sessions to their end on the calling thread: files in, events out, no clock and no server.

A session in lockstep hears nothing new until everything due is computed, so that the result is the one a live session
on a machine that is never late would give.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from voxduct.audio import SAMPLE_RATE, AudioFormat, Encoding, Samples
from voxduct.errors import InferenceError, TextError
from voxduct.events import Event, Failed, FinalText
from voxduct.session import Engine, Session, SessionOptions, run_to_rest
from voxduct.tts.sentence import SentenceForm, SpokenSentence
from voxduct.tts.stream import SpeechStream
from voxduct.tts.text_to_speech import TextToSpeech

CHUNK = SAMPLE_RATE // 2  # samples handed over at once
INSIDE = AudioFormat(SAMPLE_RATE, Encoding.F32LE)


def hear(engine: Engine, blocks: Iterator[Samples], options: SessionOptions | None = None) -> Iterator[Event]:
    """The events of a recording, as soon as they are known; `blocks` are samples at 16 kHz.

    Raises:
        InferenceError: a model failed on an utterance.
    """
    session = Session(engine, replace(options or SessionOptions(), lockstep=True), INSIDE)
    for block in blocks:
        for start in range(0, len(block), CHUNK):
            session.receive_audio(block[start : start + CHUNK].astype("<f4", copy=False).tobytes())
            yield from _checked(run_to_rest(session))
    session.end_input()
    yield from _checked(run_to_rest(session))


def hear_text(engine: Engine, samples: Samples) -> str:
    """All that is said in a recording."""
    finals = [event.text for event in hear(engine, iter([samples])) if isinstance(event, FinalText)]
    return " ".join(text for text in finals if text)


def speak(
    synthesiser: TextToSpeech,
    text: str,
    voice: str | None = None,
    seed: int = 0,
    form: SentenceForm = SpokenSentence,
) -> Iterator[Event]:
    """The speaking events of a text, as soon as each piece is made; `form` as in `SpeechStream`.

    Raises:
        TextError: nothing in it can be spoken. VoiceError: no such voice.
        InferenceError: a model failed.
    """
    stream = SpeechStream(synthesiser, "say", voice, seed, form)
    stream.feed(text)
    stream.end()
    while (job := stream.next_job()) is not None:
        yield from _checked(stream.receive(job.run()))


def _checked(events: list[Event]) -> list[Event]:
    for event in events:
        if isinstance(event, Failed):
            kind = TextError if event.code == TextError.code else InferenceError
            raise kind(event.message, code=event.code)
    return events
