"""What engine events and errors become on the wire. Samples become seconds here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, assert_never

from voxduct.audio import to_seconds
from voxduct.coded import CodecFormat
from voxduct.errors import VoxductError
from voxduct.events import (
    CommittedText,
    Event,
    Failed,
    FinalText,
    InputEnded,
    MarkerReached,
    PartialText,
    RevisedText,
    Speech,
    SpeechAudio,
    SpeechAudioEnded,
    SpeechAudioStarted,
    SpeechCodes,
    SpeechStarted,
    SpeechStopped,
    SpeechWords,
    Word,
)
from voxduct.wire.messages import (
    CommittedMessage,
    ErrorMessage,
    FinalMessage,
    MarkerEcho,
    PartialMessage,
    RevisedMessage,
    ServerMessage,
    SpeechAudioEndMessage,
    SpeechAudioStartMessage,
    SpeechStartedMessage,
    SpeechStoppedMessage,
    SpeechWordsMessage,
    SpokenWireWord,
    Stopped,
    WireCodecOffer,
    WireWord,
)

TIME_DECIMALS = 4  # 0.1 ms; one sample at 16 kHz is 0.0625 ms

Outgoing: TypeAlias = ServerMessage | Speech
"""What waits to be sent: a JSON message that has no `seq` yet, or speech that becomes one binary message."""


def seconds(position: int) -> float:
    """A 16 kHz sample index as the wire's seconds."""
    return round(to_seconds(position), TIME_DECIMALS)


def wire_words(words: Sequence[Word]) -> list[WireWord]:
    """Words with their times in seconds."""
    return [
        WireWord(
            word=word.text,
            start=seconds(word.start),
            end=seconds(word.end),
            probability=round(word.probability, TIME_DECIMALS),
        )
        for word in words
    ]


def codec_offer(codec: CodecFormat) -> WireCodecOffer:
    """A codec as `ready` offers it."""
    return WireCodecOffer(
        name=codec.name,
        version=codec.version,
        books=codec.books,
        cardinality=codec.cardinality,
        frame_samples=codec.frame_size,
        delay_samples=codec.delay_samples,
    )


def error_message(error: VoxductError, *, id: str | None = None, fatal: bool | None = None) -> ErrorMessage:
    """The `error` message of an error; `fatal` overrides the error's own."""
    return ErrorMessage(
        code=error.code,
        message=error.message,
        param=error.param,
        fatal=error.fatal if fatal is None else fatal,
        id=id,
    )


def outgoing(event: Event) -> Outgoing:
    """What the client is told of an event."""
    match event:
        case SpeechAudio() | SpeechCodes():
            return event
        case SpeechStarted(utterance, start):
            return SpeechStartedMessage(utterance=utterance, time=seconds(start))
        case SpeechStopped(utterance, end, decided):
            return SpeechStoppedMessage(utterance=utterance, time=seconds(end), decided=seconds(decided))
        case PartialText(utterance, text, end):
            return PartialMessage(utterance=utterance, text=text, time=seconds(end))
        case CommittedText(utterance, words):
            return CommittedMessage(utterance=utterance, text=event.text, words=wire_words(words))
        case FinalText():
            return _final(event)
        case RevisedText():
            return _revised(event)
        case MarkerReached(id, position):
            return MarkerEcho(id=id, time=seconds(position))
        case SpeechAudioStarted(id, voice, sample_rate):
            return SpeechAudioStartMessage(id=id, voice=voice, sample_rate=sample_rate)
        case SpeechWords(id, words):
            spoken = [SpokenWireWord(word=word.text, start=word.start, end=word.end) for word in words]
            return SpeechWordsMessage(id=id, words=spoken)
        case SpeechAudioEnded(id, reason, samples):
            return SpeechAudioEndMessage(id=id, reason=reason.value, samples=samples)
        case Failed(code, message, utterance, id):
            return ErrorMessage(code=code, message=message, utterance=utterance, id=id)
        case InputEnded(position):
            return Stopped(time=seconds(position))
        case _:
            assert_never(event)


def _final(event: FinalText) -> FinalMessage:
    return FinalMessage(
        utterance=event.utterance,
        text=event.text,
        start=seconds(event.start),
        end=seconds(event.end),
        words=wire_words(event.words),
        confidence=round(event.confidence, TIME_DECIMALS),
        language=event.language,
        language_probability=_sureness(event),
    )


def _revised(event: RevisedText) -> RevisedMessage:
    return RevisedMessage(
        utterance=event.utterance,
        version=event.version,
        text=event.text,
        start=seconds(event.start),
        end=seconds(event.end),
        words=wire_words(event.words),
        confidence=round(event.confidence, TIME_DECIMALS),
        language=event.language,
        language_probability=_sureness(event),
    )


def _sureness(event: FinalText | RevisedText) -> float | None:
    return round(event.language_probability, TIME_DECIMALS) if event.language else None
