"""The native protocol's messages, and their bytes. Normative text and vectors: docs/protocol.md.

One WebSocket carries JSON text messages both ways and binary messages of bare PCM, or packets of codes
(`voxduct.coded`): the microphone's from the client, speech from the server. Each JSON message is an object whose `type`
names it. Server messages carry `seq`, counting from 0 without gaps. Times are seconds since the session's start.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from voxduct.audio import SAMPLE_RATE
from voxduct.errors import MessageError

PROTOCOL_VERSION = 1
SUBPROTOCOL = "voxduct.v1"
"""The WebSocket subprotocol a client may offer; a server that is offered it selects it."""
MAX_ID_CHARS = 128
SPEECH_PCM = "s16le"  # speech without a codec
MAX_SEED = 2**53 - 1  # the largest integer that JSON in a browser keeps exactly

Id: TypeAlias = Annotated[str, msgspec.Meta(max_length=MAX_ID_CHARS)]
Seed: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEED)]


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """Base of every JSON message; a subclass's `tag` is its `type` on the wire."""


# --- client to server ---------------------------------------------------------------------------------------------


class Start(Message, frozen=True, kw_only=True, tag="start"):
    """First message of a session: what the binary messages hold. Answered by `ready`."""

    sample_rate: int = SAMPLE_RATE
    """Hertz, 8,000 to 48,000."""
    encoding: str = "s16le"
    """`s16le` or `f32le`, mono, or the name of a codec: then binary messages are packets of its codes."""
    version: int = PROTOCOL_VERSION
    partials: bool = True
    """False: no `partial` messages."""
    voice: str | None = None
    """Default voice of `say`; None is the server's default."""
    languages: list[str] = []
    """Languages that may be spoken, ISO 639-1; one is taken as given, none: all that the server knows."""
    revisions: bool = False
    """True: `revised` messages are wanted too, if the server has a second recogniser."""
    speech_encoding: str = SPEECH_PCM
    """`s16le`, or the name of a codec: then the server's binary messages are packets of its codes."""
    speech_words: bool = False
    """True: `speech_words` messages are wanted, which say when each word is spoken."""


class Marker(Message, frozen=True, kw_only=True, tag="marker"):
    """Asks to be echoed once all audio sent before it is final (an open utterance is closed for it)."""

    id: Id


class Say(Message, frozen=True, kw_only=True, tag="say"):
    """Text to speak. Pieces with the same `id` continue one request until one has `final` true."""

    text: str
    id: Id = "say"
    voice: str | None = None
    seed: Seed = 0
    final: bool = True


class Cancel(Message, frozen=True, kw_only=True, tag="cancel"):
    """Stops speech at once: the request `id`, or all of them."""

    id: Id | None = None


class Stop(Message, frozen=True, kw_only=True, tag="stop"):
    """No more audio and text will come. Everything accepted is finished, then `stopped`, then close 1000."""


ClientMessage: TypeAlias = Start | Marker | Say | Cancel | Stop

# --- server to client ---------------------------------------------------------------------------------------------


class ServerMessage(Message, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Base of what the server sends. A client ignores fields it does not know: a newer server may add some."""

    seq: int = 0


class WireWord(msgspec.Struct, frozen=True, kw_only=True):
    """A recognised word; times in seconds since the session's start."""

    word: str
    start: float
    end: float
    probability: float


class WireCodecOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A codec that `start.encoding` and `start.speech_encoding` may name."""

    name: str
    version: str
    """Codes of another version mean another sound."""
    books: int
    cardinality: int
    frame_samples: int
    """Samples of one code frame, at 16 kHz."""
    delay_samples: int
    """By how much decoded samples lag behind those that were encoded."""


class Ready(ServerMessage, frozen=True, kw_only=True, tag="ready"):
    """The session is open."""

    session: str
    version: int = PROTOCOL_VERSION
    voices: list[str]
    voice_sample_rate: int
    """Hertz of the session's speech."""
    max_message_bytes: int
    max_session_s: float
    idle_timeout_s: float
    languages: list[str] = []
    """What `start.languages` may name."""
    revisions: bool = False
    """Whether `revised` may come: it was asked for, and there is a second recogniser."""
    codecs: list[WireCodecOffer] = []
    """What may be used on the wire instead of PCM."""


class SpeechStartedMessage(ServerMessage, frozen=True, kw_only=True, tag="speech_started"):
    """Speech began."""

    utterance: int
    time: float


class SpeechStoppedMessage(ServerMessage, frozen=True, kw_only=True, tag="speech_stopped"):
    """The utterance's end was decided; `final` follows."""

    utterance: int
    time: float
    """Where speech ended."""
    decided: float
    """How much audio had been heard by then."""


class PartialMessage(ServerMessage, frozen=True, kw_only=True, tag="partial"):
    """Revisable text after the committed text; each replaces the one before."""

    utterance: int
    text: str
    time: float
    """Audio up to here was heard for it."""


class CommittedMessage(ServerMessage, frozen=True, kw_only=True, tag="committed"):
    """Text appended to the utterance for good."""

    utterance: int
    text: str
    words: list[WireWord]


class FinalMessage(ServerMessage, frozen=True, kw_only=True, tag="final"):
    """The whole utterance."""

    utterance: int
    text: str
    start: float
    end: float
    words: list[WireWord]
    confidence: float
    language: str
    speaker: str | None = None
    language_probability: float | None = None
    """How sure `language` is; None when there is none."""


class RevisedMessage(ServerMessage, frozen=True, kw_only=True, tag="revised"):
    """An utterance as a second recogniser heard it; replaces what is shown of it, where the version is newer."""

    utterance: int
    version: int
    """1, 2, ... of each utterance; `final` is version 0."""
    text: str
    start: float
    end: float
    words: list[WireWord]
    confidence: float
    language: str
    language_probability: float | None = None


class MarkerEcho(ServerMessage, frozen=True, kw_only=True, tag="marker"):
    """All audio before the client's marker is final."""

    id: str
    time: float


class SpeechAudioStartMessage(ServerMessage, frozen=True, kw_only=True, tag="speech_audio_start"):
    """Binary messages that follow are speech of the request `id`, until `speech_audio_end`."""

    id: str
    voice: str
    sample_rate: int


class SpokenWireWord(msgspec.Struct, frozen=True, kw_only=True):
    """A word that is spoken; positions in samples since `speech_audio_start`."""

    word: str
    start: int
    end: int


class SpeechWordsMessage(ServerMessage, frozen=True, kw_only=True, tag="speech_words"):
    """Words that end in the binary message that follows; only where `start.speech_words` is true."""

    id: str
    words: list[SpokenWireWord]


class SpeechAudioEndMessage(ServerMessage, frozen=True, kw_only=True, tag="speech_audio_end"):
    """No more speech of the request `id`."""

    id: str
    reason: str
    """`completed`, `cancelled` or `failed`."""
    samples: int
    """Samples of it that were sent."""


class ErrorMessage(ServerMessage, frozen=True, kw_only=True, tag="error"):
    """Something was wrong; the session goes on unless `fatal`."""

    code: str
    message: str
    param: str | None = None
    fatal: bool = False
    utterance: int | None = None
    id: str | None = None


class Draining(ServerMessage, frozen=True, kw_only=True, tag="draining"):
    """The server is going away; open utterances are finished, then close 1012. Reconnect elsewhere or later."""

    deadline_s: float


class Stopped(ServerMessage, frozen=True, kw_only=True, tag="stopped"):
    """Everything before `stop` was finished."""

    time: float


AnyServerMessage: TypeAlias = (
    Ready
    | SpeechStartedMessage
    | SpeechStoppedMessage
    | PartialMessage
    | CommittedMessage
    | FinalMessage
    | RevisedMessage
    | MarkerEcho
    | SpeechAudioStartMessage
    | SpeechWordsMessage
    | SpeechAudioEndMessage
    | ErrorMessage
    | Draining
    | Stopped
)

# --- bytes --------------------------------------------------------------------------------------------------------

_encoder = msgspec.json.Encoder()
_client_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_server_decoder: msgspec.json.Decoder[AnyServerMessage] = msgspec.json.Decoder(AnyServerMessage)


def encode(message: Message) -> str:
    """A message as its JSON text."""
    return _encoder.encode(message).decode()


def decode_client(text: str | bytes) -> ClientMessage:
    """JSON text from a client to its message.

    Raises:
        MessageError: not JSON, an unknown `type`, an unknown or missing field, or a field of the wrong type.
    """
    try:
        return _client_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MessageError(f"message not understood: {error}; see docs/protocol.md") from error


def decode_server(text: str | bytes) -> AnyServerMessage:
    """JSON text from a server to its message; raises MessageError as `decode_client` does."""
    try:
        return _server_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MessageError(f"message not understood: {error}; is the server of another version?") from error
