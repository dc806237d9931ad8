"""What the MQTT bridge hears and says, and its bytes. Times are seconds since the session's start."""

from __future__ import annotations

from typing import Annotated

import msgspec

from voxduct.audio import to_seconds
from voxduct.errors import LimitError, MessageError, VoxductError
from voxduct.events import FinalText

MAX_TEXT_CHARS = 4096
MAX_NAME_CHARS = 128

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_CHARS)]


class SayCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command to speak."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT_CHARS)]
    voice: Name | None = None
    id: Name = "mqtt"
    """The speech request's id."""
    session: Name | None = None
    """Who should hear it; None is everybody."""


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """One final utterance."""

    text: str
    start: float
    end: float
    confidence: float
    language: str
    session: str
    seq: int
    """Counts this server's finals from 0; a gap says that some were dropped."""


class BridgeError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a command was not obeyed."""

    code: str
    message: str
    param: str | None = None
    id: str | None = None


_decoder = msgspec.json.Decoder(SayCommand)


def decode_say(payload: object, max_bytes: int) -> SayCommand:
    """Bytes to a command.

    Raises:
        LimitError: too long. MessageError: not such a command.
    """
    if not isinstance(payload, (bytes, bytearray)):
        raise MessageError("the command is empty; send JSON with a `text`")
    if len(payload) > max_bytes:
        raise LimitError(f"the command has {len(payload)} bytes; at most {max_bytes} are taken", param="text")
    try:
        command = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MessageError(f"command not understood: {error}; see docs/mqtt.md") from error
    if not command.text.strip():
        raise MessageError("the text is empty", param="text")
    return command


def transcript(session: str, seq: int, event: FinalText) -> Transcript:
    """A final as it is published."""
    return Transcript(
        text=event.text,
        start=round(to_seconds(event.start), 3),
        end=round(to_seconds(event.end), 3),
        confidence=round(event.confidence, 4),
        language=event.language,
        session=session,
        seq=seq,
    )


def bridge_error(error: Exception, id: str | None = None) -> BridgeError:
    """An error as it is published; what was not raised on purpose keeps its text to the log."""
    if isinstance(error, VoxductError):
        return BridgeError(code=error.code, message=error.message, param=error.param, id=id)
    return BridgeError(code="internal", message="the server failed to obey; its log says why", id=id)
