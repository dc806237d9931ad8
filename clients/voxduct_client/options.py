"""How a client connects and what it declares."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from voxduct import wire
from voxduct.audio import SAMPLE_RATE, Encoding
from voxduct.errors import MessageError

DEFAULT_PORT = 8765
DEFAULT_PATH = "/v1/stream"
DEFAULT_URL = f"ws://127.0.0.1:{DEFAULT_PORT}{DEFAULT_PATH}"
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """What `Client` declares in `start`, and how patient it is."""

    token: str | None = field(default=None, repr=False)
    """Sent as `Authorization: Bearer`; never in the URL."""
    sample_rate: int = SAMPLE_RATE
    """Hertz of the audio that will be sent, 8,000 to 48,000."""
    encoding: Encoding = Encoding.S16LE
    voice: str | None = None
    """Default voice of `say`; None is the server's default."""
    partials: bool = True
    languages: tuple[str, ...] = ()
    """Languages that may be spoken, such as `en`; empty is all that the server knows."""
    revisions: bool = False
    """Whether to be told what a second recogniser heard in finished utterances, if the server has one."""
    audio_codec: str | None = None
    """The codec in whose codes audio is sent, such as `voxduct-codec-16k`; None: as PCM. Needs the engine."""
    speech_codec: str | None = None
    """The codec in whose codes speech is to come; None: as PCM. Needs the engine."""
    speech_words: bool = False
    """Whether to be told when each word of the speech is spoken: `wire.SpeechWordsMessage`."""
    connect_timeout_s: float = 10.0
    """For the connection and the server's `ready` together."""
    close_timeout_s: float = 2.0
    ping_timeout_s: float = 30.0
    """Seconds without an answer to a ping after which the connection counts as broken. A server that is behind does
    not read, so what is sent faster than it is spoken needs more."""
    max_inbox: int = 1024
    """Messages kept for the reader; beyond that the server is made to wait."""
    stall_s: float = 10.0
    """A `marker` or `stop` fails when the inbox has been full, and nobody read from it, for so long."""

    def start(self) -> wire.Start:
        """The session's first message."""
        return wire.Start(
            sample_rate=self.sample_rate if self.audio_codec is None else SAMPLE_RATE,
            encoding=self.audio_codec or self.encoding.value,
            speech_encoding=self.speech_codec or wire.SPEECH_PCM,
            voice=self.voice,
            partials=self.partials,
            languages=list(self.languages),
            revisions=self.revisions,
            speech_words=self.speech_words,
        )


def resolve_url(url: str) -> str:
    """A server's address as people write it (`host:port`, `http://host`, `ws://host/path`) to the session's URL.

    Raises:
        MessageError: not an address of a server.
    """
    if "://" not in url:
        url = f"ws://{url}"
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        named = False
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme) if named else ""
    if scheme not in ("ws", "wss"):
        raise MessageError(f"{url!r} is no server address; write ws://HOST:PORT", param="url")
    if parts.username or parts.password:
        raise MessageError("credentials do not belong in the address; pass the token on its own", param="url")
    path = DEFAULT_PATH if parts.path in ("", "/") else parts.path
    return parts._replace(scheme=scheme, path=path, fragment="").geturl()


def is_loopback(url: str) -> bool:
    """Whether the URL names this machine, where a proxy has no business."""
    return urlsplit(url).hostname in LOOPBACK_HOSTS
