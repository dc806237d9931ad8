"""A Python client for a Voxduct server: a library, and the command `voxduct-client`.

    from voxduct_client import Client

    async with Client("ws://127.0.0.1:8000", sample_rate=48_000) as client: ...

It sees the wire protocol only, never the engine. docs/clients.md is the guide.
"""

from voxduct_client.client import Client
from voxduct_client.client_wire import ClientWire, Received, SessionState, SpeechChunk
from voxduct_client.continuity import Disconnected, Message, Reconnected, ReconnectOptions
from voxduct_client.errors import (
    ConnectionLost,
    ConnectionRefused,
    DeviceError,
    FileError,
    SequenceGap,
    SessionRefused,
    VoiceRefused,
)
from voxduct_client.options import DEFAULT_URL, ClientOptions
from voxduct_client.reconnecting import ReconnectingClient
from voxduct_client.voices import VoiceInfo, Voices

__all__ = [
    "DEFAULT_URL",
    "Client",
    "ClientOptions",
    "ClientWire",
    "ConnectionLost",
    "ConnectionRefused",
    "DeviceError",
    "Disconnected",
    "FileError",
    "Message",
    "Received",
    "ReconnectOptions",
    "Reconnected",
    "ReconnectingClient",
    "SequenceGap",
    "SessionRefused",
    "SessionState",
    "SpeechChunk",
    "VoiceInfo",
    "VoiceRefused",
    "Voices",
]
