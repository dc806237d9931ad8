"""Voices of one's own on a server: list, make from a clip, delete. HTTP, beside the stream.

voices = Voices("127.0.0.1:8765", token="...")
await voices.add("anna", Path("anna.wav"), consent="I agree that my voice is imitated.", by="Anna")
await client.say("Good morning.", voice="anna")
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from voxduct.errors import ServerError
from voxduct_client.connection import unreachable
from voxduct_client.errors import ConnectionRefused, FileError, VoiceRefused
from voxduct_client.options import DEFAULT_URL, is_loopback, resolve_url

STREAM, VOICES = "/stream", "/voices"
NOT_LET_IN = (401, 403)
NOT_NOW = 503
MAX_ANSWER_BYTES = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceInfo:
    """What a server says about a voice. Of shipped ones, and in lists, the rest is empty."""

    name: str
    own: bool
    """Made from a clip on this server, not shipped with it."""
    created: str = ""
    """When, UTC."""
    speech_s: float = 0.0
    """Seconds of speech in the clip."""
    consent: str = ""
    """What the speaker agreed to."""
    by: str = ""
    """Who said that the speaker agrees."""
    transcript: str = ""


class Voices:
    """The voices of one server. Each call is a request of its own."""

    def __init__(self, url: str = DEFAULT_URL, *, token: str | None = None, timeout_s: float = 60.0) -> None:
        """`url`: as for `Client`. Raises MessageError when it is none."""
        self.url = voices_url(url)
        self._token = token
        self._timeout_s = timeout_s

    async def list(self) -> list[VoiceInfo]:
        """All voices, shipped ones first. Raises as `add` does."""
        answer = await self._request("GET", self.url)
        return [_info(voice) for voice in answer["voices"]]

    async def show(self, name: str) -> VoiceInfo:
        """One voice, with its consent. Raises as `add` does."""
        return _info(await self._request("GET", self._named(name)))

    async def add(
        self, name: str, clip: Path | bytes, *, consent: str, by: str = "", transcript: str = ""
    ) -> VoiceInfo:
        """Makes a voice from a clip of 3 to 60 s: a WAV, FLAC, MP3 or Ogg file, or the bytes of one.

        Args:
            name: 1 to 32 of a to z, 0 to 9, - and _.
            clip: somebody who speaks, alone.
            consent: that this person agrees, in words; it is kept with the voice.
            by: who says so; else the server notes this client's address.
            transcript: what is said in the clip.

        Raises:
            VoiceRefused: the server does not make it; `code` says why.
            ConnectionRefused: no server, no token, no time now (`retry`).
            FileError: the clip cannot be read.
            ServerError: a fault of the server.
        """
        audio = clip if isinstance(clip, bytes) else await asyncio.to_thread(_read, clip)
        fields = {"name": name, "consent": consent, "by": by, "transcript": transcript}
        content_type, body = form({key: value for key, value in fields.items() if value}, audio)
        return _info(await self._request("POST", self.url, body, content_type))

    async def remove(self, name: str) -> None:
        """Deletes a voice of one's own; who speaks with it now goes on to the end. Raises as `add` does."""
        await self._request("DELETE", self._named(name))

    def _named(self, name: str) -> str:
        return f"{self.url}/{quote(name, safe='')}"

    async def _request(self, method: str, url: str, body: bytes | None = None, content_type: str = "") -> Any:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if content_type:
            headers["Content-Type"] = content_type
        request = urllib.request.Request(url, body, headers, method=method)  # resolve_url let http and https through
        return await asyncio.to_thread(self._exchange, request)

    def _exchange(self, request: urllib.request.Request) -> Any:
        direct = [urllib.request.ProxyHandler({})] if is_loopback(request.full_url) else []
        try:
            with urllib.request.build_opener(_Stay(), *direct).open(request, timeout=self._timeout_s) as answer:
                content = answer.read(MAX_ANSWER_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(self.url, error) from error
        except (OSError, HTTPException) as error:  # URLError is an OSError
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            why = reason if isinstance(reason, Exception) else error
            raise ConnectionRefused(unreachable(self.url, why), retry=True) from error
        try:
            return json.loads(content) if content else None
        except ValueError as error:
            raise ConnectionRefused(f"what answers at {self.url} is no voxduct server", retry=False) from error


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody to another server: the token is for this one."""

    def redirect_request(self, *_: Any) -> None:
        """An answer that leads elsewhere is an error."""


def voices_url(url: str) -> str:
    """Where the voices are of the server whose session is at `url`. Raises MessageError."""
    parts = urlsplit(resolve_url(url))
    path = parts.path.removesuffix(STREAM) if parts.path.endswith(STREAM) else "/v1"
    scheme = {"ws": "http", "wss": "https"}[parts.scheme]
    return parts._replace(scheme=scheme, path=path + VOICES, query="").geturl()


def form(fields: Mapping[str, str], audio: bytes) -> tuple[str, bytes]:
    """Content type and body of a web form (RFC 7578) with these fields and the file `audio`."""
    boundary = secrets.token_hex(16)
    head = f"--{boundary}\r\nContent-Disposition: form-data; name="
    parts = [f'{head}"{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    parts += [f'{head}"audio"; filename="clip"\r\n\r\n'.encode(), audio, f"\r\n--{boundary}--\r\n".encode()]
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)


def _read(clip: Path) -> bytes:
    try:
        return clip.read_bytes()
    except OSError as error:
        raise FileError(f"{clip} cannot be read: {error.strerror or error}", param="clip") from error


def _info(voice: dict[str, Any]) -> VoiceInfo:
    consent = voice.get("consent", {})
    return VoiceInfo(
        name=voice["name"],
        own=voice["own"],
        created=voice.get("created", ""),
        speech_s=voice.get("speech_s", 0.0),
        consent=consent.get("text", ""),
        by=consent.get("by", ""),
        transcript=voice.get("transcript", ""),
    )


def _refusal(url: str, error: urllib.error.HTTPError) -> VoiceRefused | ConnectionRefused | ServerError:
    told: dict[str, Any] = {}
    with contextlib.suppress(ValueError, AttributeError, OSError):  # a proxy's page, not our server's JSON
        told = json.loads(error.read(MAX_ANSWER_BYTES)).get("error", {})
    message = told.get("message", f"{url} answered with HTTP {error.code}")
    retry_after = error.headers.get("Retry-After", "")
    if error.code in NOT_LET_IN:
        return ConnectionRefused(f"{message}; pass the server's token with --token or VOXDUCT_TOKEN", retry=False)
    if error.code == NOT_NOW:
        seconds = float(retry_after) if retry_after.isdigit() else None
        return ConnectionRefused(message, retry=True, retry_after=seconds)
    if error.code >= 500:
        return ServerError(message, code=told.get("code", ServerError.code))
    return VoiceRefused(message, code=told.get("code"), param=told.get("param"))
