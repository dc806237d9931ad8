"""Every error Voxduct raises, in one tree that says whose fault it is.

    VoxductError
    ├── ClientError            the caller sent something wrong; the session goes on unless `fatal`
    │   ├── AudioFormatError   bytes that cannot be the declared audio
    │   ├── MessageError       a message that is not in the protocol, or out of order
    │   ├── TextError          text that cannot be spoken (empty, too long)
    │   ├── VoiceError         no voice of that name, or a name that cannot be given or taken away
    │   ├── ClipError          a recording that no voice can be made from
    │   └── LimitError         a limit of the server was reached
    └── ServerError            our fault, or the machine's
        ├── ExtraError         an optional part of Voxduct is not installed
        ├── ModelError         a model's files are missing, corrupt or not what they claim to be
        │   ├── UnknownModelError  no model, revision or precision of that name
        │   ├── HubError       a hub cannot be reached, refuses, or broke off; what came is kept
        │   ├── ChecksumError  a file is not what its checksum says; it was removed
        │   └── DiskFullError  the disk has no room for a model
        ├── VoiceStoreError    voices cannot be kept, or kept ones not be read
        ├── InferenceError     a model failed while running; fails one utterance, never a session
        └── OverloadError      the machine cannot take more work now

Each error carries a stable `code` for the wire, the name of the offending parameter when there is one, and a message
of one line that says what is wrong and what to do about it.
"""

from __future__ import annotations


class VoxductError(Exception):
    """Base of the tree; catch it to catch everything Voxduct raises on purpose."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, fatal: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.fatal = fatal
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return self.message


class ClientError(VoxductError):
    """The caller's fault."""

    code = "bad_request"


class AudioFormatError(ClientError):
    """Audio bytes that cannot be what was declared: odd byte count, NaN samples, an unsupported rate."""

    code = "bad_audio"


class MessageError(ClientError):
    """A message that is not in the protocol, is malformed, or came out of order."""

    code = "bad_message"


class TextError(ClientError):
    """Text that cannot be spoken."""

    code = "bad_text"


class VoiceError(ClientError):
    """A voice that this server does not have, or a name that cannot be given to one or taken from it."""

    code = "unknown_voice"


class ClipError(ClientError):
    """A recording that no voice can be made from; the code says why."""

    code = "bad_clip"


class LimitError(ClientError):
    """A limit that the server states in `ready` was exceeded."""

    code = "limit_exceeded"


class ServerError(VoxductError):
    """Our fault, or the machine's."""

    code = "internal"


class ExtraError(ServerError):
    """An optional part of Voxduct is not installed; the message names the `pip install` that brings it."""

    code = "extra_missing"


class ModelError(ServerError):
    """A model's files are missing, corrupt, or not what their manifest says."""

    code = "bad_model"


class UnknownModelError(ModelError):
    """A model, a revision of it, or a precision that is not there under that name."""

    code = "unknown_model"


class HubError(ModelError):
    """A hub cannot be reached, refuses, or broke off. What came so far is kept: asking again goes on from there."""

    code = "hub_failed"


class ChecksumError(ModelError):
    """A file came, but is not what the hub says it is. It was removed, never used."""

    code = "bad_checksum"


class DiskFullError(ModelError):
    """The disk has no room for a model; the message says how much is needed and where."""

    code = "disk_full"


class VoiceStoreError(ServerError):
    """Voices of one's own cannot be written, or cannot be read back."""

    code = "voice_store_failed"


class InferenceError(ServerError):
    """A model failed while running. It fails the utterance it worked on, never the session."""

    code = "inference_failed"


class OverloadError(ServerError):
    """The machine cannot take more work now; try again later."""

    code = "overloaded"
