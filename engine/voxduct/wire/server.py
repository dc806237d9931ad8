"""The server's side of one conversation on the wire, sans-I/O: who may say what, when, and in which order.

`ServerWire` holds one state and one table. What the client sends goes through `receive_text` or `receive_audio`,
which return the command it amounts to or raise a typed `ClientError`; an error never changes the state, so the client
may go on. What the server says goes through `encode`, which numbers it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from typing import TypeAlias

import msgspec

from voxduct.audio import SAMPLE_RATE, AudioFormat, Encoding, float_to_pcm16
from voxduct.coded import CodecFormat
from voxduct.errors import (
    AudioFormatError,
    ClientError,
    LimitError,
    MessageError,
    TextError,
)
from voxduct.events import Speech, SpeechAudio, SpeechCodes
from voxduct.wire.messages import (
    PROTOCOL_VERSION,
    SPEECH_PCM,
    Cancel,
    ClientMessage,
    ErrorMessage,
    Marker,
    PartialMessage,
    Ready,
    Say,
    SpeechAudioEndMessage,
    SpeechAudioStartMessage,
    SpeechWordsMessage,
    Start,
    Stop,
    Stopped,
    decode_client,
    encode,
)
from voxduct.wire.translate import Outgoing


class CloseCode(IntEnum):
    """WebSocket close codes the server uses."""

    DONE = 1000
    """After `stopped`."""
    POLICY = 1008
    """After a fatal `error`: idle for too long, the session's time is over, a client that does not read."""
    TOO_BIG = 1009
    """A message too big even to be refused with an `error`."""
    INTERNAL = 1011
    """Our fault; a fatal `error` came before it when the socket still took one."""
    RESTART = 1012
    """The server is going away; after `draining`."""


class WireState(StrEnum):
    """Where the conversation stands."""

    WAITING_START = "waiting_start"
    OPEN = "open"
    STOPPING = "stopping"
    """The client said `stop`; what it sent before is being finished."""
    DRAINING = "draining"
    """The server ends the session; what comes in is no longer heard."""
    CLOSED = "closed"
    """Nothing is said any more."""


@dataclass(frozen=True, slots=True)
class Audio:
    """A binary message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A `start` that the server can serve; answer it with `ready`."""

    audio_format: AudioFormat
    """Of the binary messages, or of what a codec makes of them."""
    voice: str | None
    partials: bool
    languages: tuple[str, ...] = ()
    """Those that may be spoken; empty is all."""
    revisions: bool = False
    audio_codec: str | None = None
    """Binary messages are this codec's packets; None: PCM."""
    speech_codec: str | None = None
    """Speech is wanted as this codec's packets; None: PCM."""
    speech_words: bool = False


Command: TypeAlias = OpenSession | Audio | Marker | Say | Cancel | Stop


class _Ignored(Enum):
    IGNORED = "not heard any more"


_NOT_STARTED = "send `start` first; it says what the audio is"
_STARTED = "the session has started already; open another connection for another format"
_STOPPED = "nothing can follow `stop` but `cancel`; open a new session"

_TABLE: dict[WireState, dict[type, WireState | str | _Ignored]] = {
    # state, what came -> the next state, or why it is refused, or that it is not heard
    WireState.WAITING_START: {
        Start: WireState.OPEN,
        Audio: _NOT_STARTED,
        Marker: _NOT_STARTED,
        Say: _NOT_STARTED,
        Cancel: _NOT_STARTED,
        Stop: _NOT_STARTED,
    },
    WireState.OPEN: {
        Start: _STARTED,
        Audio: WireState.OPEN,
        Marker: WireState.OPEN,
        Say: WireState.OPEN,
        Cancel: WireState.OPEN,
        Stop: WireState.STOPPING,
    },
    WireState.STOPPING: {
        Start: _STARTED,
        Audio: _STOPPED,
        Marker: _STOPPED,
        Say: _STOPPED,
        Cancel: WireState.STOPPING,
        Stop: _STOPPED,
    },
    WireState.DRAINING: {
        Start: _Ignored.IGNORED,
        Audio: _Ignored.IGNORED,
        Marker: _Ignored.IGNORED,
        Say: _Ignored.IGNORED,
        Cancel: WireState.DRAINING,
        Stop: _Ignored.IGNORED,
    },
    WireState.CLOSED: dict.fromkeys((Start, Audio, Marker, Say, Cancel, Stop), _Ignored.IGNORED),
}


class ServerWire:
    """One conversation's place in the protocol."""

    def __init__(
        self,
        *,
        check_voice: Callable[[str], object],
        max_message_bytes: int,
        max_text_chars: int,
        languages: tuple[str, ...] = (),
        codecs: Sequence[CodecFormat] = (),
    ) -> None:
        """`check_voice` raises VoiceError where no voice has that name; they may come and go meanwhile."""
        self.state = WireState.WAITING_START
        self._check_named = check_voice
        self._languages = languages
        self._codecs = {codec.name: codec for codec in codecs}
        self._speech_codec: CodecFormat | None = None
        self._max_message_bytes = max_message_bytes
        self._max_text_chars = max_text_chars
        self._unwanted: tuple[type, ...] = (SpeechWordsMessage,)  # messages that the client did not ask for
        self._seq = 0
        self._sent_samples: dict[str, int] = {}  # of speech requests that were begun on the wire

    def receive_text(self, text: str) -> Command | None:
        """A text message; the command it amounts to, or None when nothing is to be done.

        Raises:
            ClientError: not a message, out of order, beyond a limit. The message is dropped, the state unchanged.
        """
        self._check_size(len(text) if text.isascii() else len(text.encode(errors="surrogatepass")))
        message = decode_client(text)
        self._check_order(type(message))
        command = self._check(message)
        if not self._enter(type(message)):
            return None
        if isinstance(command, OpenSession):
            self._speech_codec = self._codecs[command.speech_codec] if command.speech_codec is not None else None
            wanted = {PartialMessage: command.partials, SpeechWordsMessage: command.speech_words}
            self._unwanted = tuple(kind for kind, asked in wanted.items() if not asked)
        return command

    def receive_audio(self, data: bytes) -> Command | None:
        """A binary message; as `receive_text`. Whether the bytes can be audio is the session's business."""
        self._check_size(len(data))
        self._check_order(Audio)
        return Audio(data) if self._enter(Audio) else None

    def drain(self) -> None:
        """The server ends the session: from now on only `cancel` is heard."""
        if self.state is not WireState.CLOSED:
            self.state = WireState.DRAINING

    def close(self) -> None:
        """Nothing more is heard or said."""
        self.state = WireState.CLOSED

    def encode(self, item: Outgoing) -> str | bytes | None:
        """One outgoing item as the next message: str for text, bytes for binary, None when it is not to be sent.

        Send what is returned in the order of the calls: messages are numbered here. After a fatal `error` or
        `stopped` the conversation is closed and nothing more is encoded.
        """
        if self.state is WireState.CLOSED or isinstance(item, self._unwanted):
            return None
        if isinstance(item, SpeechWordsMessage) and item.id not in self._sent_samples:  # its speech was cancelled
            return None
        if isinstance(item, SpeechAudio | SpeechCodes):
            return self._encode_speech(item)
        changes: dict[str, object] = {"seq": self._seq}
        match item:
            case SpeechAudioStartMessage(id=id):
                self._sent_samples[id] = 0
            case SpeechAudioEndMessage(id=id):
                changes["samples"] = self._sent_samples.pop(id, 0)
            case ErrorMessage(fatal=True) | Stopped():
                self.state = WireState.CLOSED
            case Ready() if self._seq:
                changes["seq"] = self._seq  # errors before a good `start` were numbered too
            case _:
                pass
        self._seq += 1
        return encode(msgspec.structs.replace(item, **changes))

    def _encode_speech(self, item: Speech) -> bytes | None:
        if item.id not in self._sent_samples:  # its start was never sent, or its end was
            return None
        self._sent_samples[item.id] += item.size
        if isinstance(item, SpeechCodes):
            assert self._speech_codec is not None  # codes are made only where they were asked for
            return self._speech_codec.encode(item.sound)
        return float_to_pcm16(item.samples).astype("<i2", copy=False).tobytes()

    def _check_size(self, size: int) -> None:
        if size > self._max_message_bytes:
            raise LimitError(
                f"a message of {size} bytes is over this server's limit of {self._max_message_bytes}; it was "
                "dropped, send it in smaller pieces",
                code="message_too_big",
            )

    def _check_order(self, kind: type) -> None:
        verdict = _TABLE[self.state][kind]
        if isinstance(verdict, str) and not isinstance(verdict, WireState):
            raise MessageError(verdict, param="type")

    def _enter(self, kind: type) -> bool:
        """Takes the transition; False when what came is not heard."""
        verdict = _TABLE[self.state][kind]
        if isinstance(verdict, WireState):
            self.state = verdict
            return True
        return False

    def _check(self, message: ClientMessage) -> Command:
        match message:
            case Start():
                return self._check_start(message)
            case Say(text=text, voice=voice):
                self._check_voice(voice)
                if len(text) > self._max_text_chars:
                    raise TextError(
                        f"{len(text)} characters of text in one `say` are over this server's limit of "
                        f"{self._max_text_chars}; send it in pieces with `final` false",
                        code="text_too_long",
                        param="text",
                    )
                return message
            case _:
                return message

    def _check_start(self, start: Start) -> OpenSession:
        if start.version != PROTOCOL_VERSION:
            raise MessageError(
                f"protocol version {start.version} is not spoken here; this server speaks {PROTOCOL_VERSION}",
                code="unsupported_version",
                param="version",
            )
        audio_codec = self._codec(start.encoding, "encoding", [encoding.value for encoding in Encoding])
        speech_codec = self._codec(start.speech_encoding, "speech_encoding", [SPEECH_PCM])
        self._check_voice(start.voice)
        languages = tuple(dict.fromkeys(start.languages))
        self._check_languages(languages)
        return OpenSession(
            _audio_format(start, audio_codec),
            start.voice,
            start.partials,
            languages,
            start.revisions,
            audio_codec,
            speech_codec,
            start.speech_words,
        )

    def _codec(self, wanted: str, param: str, plain: Sequence[str]) -> str | None:
        """The codec that a field of `start` names, or None for one of the plain encodings; raises otherwise."""
        if wanted in plain:
            return None
        if wanted not in self._codecs:
            known = ", ".join([*plain, *self._codecs])
            raise AudioFormatError(f"{param} {wanted!r:.40} is not one of {known}", param=param)
        return wanted

    def _check_languages(self, languages: tuple[str, ...]) -> None:
        for language in languages:
            if language not in self._languages:
                known = ", ".join(self._languages) or "none to choose from"
                raise ClientError(
                    f"no language {language!r:.20}; this server has {known}",
                    code="unknown_language",
                    param="languages",
                )

    def _check_voice(self, voice: str | None) -> None:
        if voice is not None:
            self._check_named(voice)


def _audio_format(start: Start, codec: str | None) -> AudioFormat:
    if codec is None:
        return AudioFormat(start.sample_rate, Encoding(start.encoding))
    if start.sample_rate != SAMPLE_RATE:
        raise AudioFormatError(
            f"{codec} codes {SAMPLE_RATE} Hz; declare that as sample_rate and resample before encoding",
            param="sample_rate",
        )
    return AudioFormat(SAMPLE_RATE, Encoding.F32LE)


__all__ = ["Audio", "ClientError", "CloseCode", "Command", "OpenSession", "ServerWire", "WireState"]
