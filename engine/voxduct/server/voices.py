"""`/v1/voices`: voices of one's own by HTTP. docs/voices.md describes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from voxduct.errors import ClientError, LimitError, MessageError, VoxductError
from voxduct.models import Job
from voxduct.server.access import Refusal, check_request
from voxduct.server.backend import Backend
from voxduct.server.form import parse_form
from voxduct.server.limits import ServerOptions
from voxduct.server.metrics import Metrics
from voxduct.server.refuse import error_response, refusal_response
from voxduct.server.registry import RETRY_AFTER_S, Registry, ServerState
from voxduct.server.scheduler import JobScheduler
from voxduct.voices.enrolment import Enrolled, Enrolment
from voxduct.voices.shelf import Listed, VoiceShelf
from voxduct.voices.sound import read_sound
from voxduct.voices.store import Consent

VOICES_PATH = "/v1/voices"
REQUIRED, OPTIONAL = ("name", "consent", "audio"), ("by", "transcript")
MAX_FIELD_CHARS = 4_000

log = logging.getLogger(__name__)


class VoiceRoutes:
    """The routes; `backend` is asked anew for each request, for it is None until the models are loaded."""

    def __init__(
        self,
        options: ServerOptions,
        scheduler: JobScheduler,
        registry: Registry,
        metrics: Metrics,
        backend: Callable[[], Backend | None],
    ) -> None:
        self._options = options
        self._limits = options.limits
        self._scheduler = scheduler
        self._registry = registry
        self._metrics = metrics
        self._backend = backend
        self._being_made = 0

    def routes(self) -> list[Route]:
        """To be put into the application."""
        named = f"{VOICES_PATH}/{{name}}"
        return [
            Route(VOICES_PATH, self._guarded(self._list), methods=["GET"]),
            Route(VOICES_PATH, self._guarded(self._make), methods=["POST"]),
            Route(named, self._guarded(self._show), methods=["GET"]),
            Route(named, self._guarded(self._delete), methods=["DELETE"]),
        ]

    def _guarded(
        self, answer: Callable[[Request, VoiceShelf], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Lets nobody in whom the stream would not let in, and makes errors answers."""

        async def respond(request: Request) -> Response:
            refusal = check_request(self._options, request.headers) or self._not_now(request)
            if refusal is not None:
                self._metrics.refused.labels(refusal.code).inc()
                return refusal_response(refusal)
            try:
                return await answer(request, self._shelf())
            except VoxductError as error:
                self._metrics.errors.labels(error.code).inc()
                if not isinstance(error, ClientError):
                    log.error("%s %s failed: %s", request.method, request.url.path, error)
                return error_response(error)

        return respond

    def _not_now(self, request: Request) -> Refusal | None:
        state = self._registry.state
        if state is ServerState.LOADING:
            return Refusal(503, "not_ready", "the models are being loaded; see /readyz", RETRY_AFTER_S)
        if request.method != "POST":
            return None
        if state is ServerState.DRAINING:
            return Refusal(503, "draining", "the server is going away; try another, or later", RETRY_AFTER_S)
        if self._being_made >= self._limits.max_enrolments:
            return Refusal(503, "overloaded", f"{self._being_made} voices are being made already", RETRY_AFTER_S)
        return None

    def _shelf(self) -> VoiceShelf:
        backend = self._backend()
        if backend is None or backend.shelf is None:
            raise MessageError("this server has no voices; start it with a speech model", code="no_voice")
        return backend.shelf

    async def _list(self, _: Request, shelf: VoiceShelf) -> Response:
        return JSONResponse({"voices": [_summary(listed) for listed in shelf], "default": shelf.default})

    async def _show(self, request: Request, shelf: VoiceShelf) -> Response:
        return JSONResponse(_details(shelf.named(request.path_params["name"])))

    async def _delete(self, request: Request, shelf: VoiceShelf) -> Response:
        name = request.path_params["name"]
        with shelf.removing(name):
            await asyncio.to_thread(shelf.erase, name)
            shelf.remove(name)
        log.info("the voice %s was deleted", name)
        return Response(status_code=204)

    async def _make(self, request: Request, shelf: VoiceShelf) -> Response:
        self._being_made += 1
        try:
            fields = parse_form(request.headers.get("content-type", ""), await self._body(request))
            wanted = read_wanted(fields, _address(request), datetime.now(UTC))
            load = partial(read_sound, wanted.audio, shelf.enroller.options.max_s)
            with shelf.reserved(wanted.name):
                enrolled = await self._enrol(shelf.begin(wanted.name, load))
                stored = shelf.stored(enrolled, wanted.consent, wanted.transcript)
                await asyncio.to_thread(shelf.save, stored)
                shelf.put(stored, enrolled)
        finally:
            self._being_made -= 1
        self._metrics.voices_made.inc()
        log.info("the voice %s was made; consent by %s", wanted.name, wanted.consent.by)
        made = shelf.named(wanted.name)
        return JSONResponse(_details(made), status_code=201, headers={"location": f"{VOICES_PATH}/{made.name}"})

    async def _body(self, request: Request) -> bytes:
        """The whole body, if it is not too big and does not take for ever."""
        limit = self._limits.max_clip_bytes
        declared = request.headers.get("content-length", "0")
        pieces, size = [], int(declared) if declared.isdecimal() else 0
        try:
            async with asyncio.timeout(self._limits.upload_s):
                if size <= limit:
                    size = 0
                    async for piece in request.stream():
                        pieces.append(piece)
                        size += len(piece)
                        if size > limit:
                            break
        except TimeoutError:
            raise MessageError(f"the clip did not arrive in {self._limits.upload_s:g} s", code="too_slow") from None
        except ClientDisconnect as error:
            raise MessageError("the client left before the clip was here") from error
        if size > limit:
            raise LimitError(
                f"more than {limit:,} bytes are not taken; send ten seconds of speech, or FLAC", code="body_too_big"
            )
        return b"".join(pieces)

    async def _enrol(self, enrolment: Enrolment) -> Enrolled:
        """Runs its jobs on the worker threads, among those of the sessions."""
        made: asyncio.Future[Enrolled] = asyncio.get_running_loop().create_future()

        def receive(_: Job, result: object) -> None:
            try:
                if isinstance(result, Exception):
                    raise result
                enrolment.receive(result)
            except Exception as error:  # whatever it is, who waits for the voice is told
                if not isinstance(error, VoxductError):
                    log.error("making a voice failed", exc_info=error)
                made.set_exception(enrolment.fail(error))
            else:
                go_on()

        def go_on() -> None:
            job = enrolment.next_job()
            if job is None:
                made.set_result(enrolment.result)
            else:
                lane.submit(job)

        lane = self._scheduler.lane(receive)
        try:
            go_on()
            return await made
        finally:
            lane.close()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A voice that somebody asks for."""

    name: str
    audio: bytes
    consent: Consent
    transcript: str


def read_wanted(fields: Mapping[str, bytes], client: str, now: datetime) -> Wanted:
    """The fields of a form as what they ask for; `client` is its address.

    Raises:
        MessageError: a field is missing, empty, too long, unknown or no text.
    """
    known = ", ".join((*REQUIRED, *OPTIONAL))
    for name in fields:
        if name not in REQUIRED + OPTIONAL:
            raise MessageError(f"the form has a field {name!r:.40}; there are {known}", param=name[:40])
    texts = {name: _text(name, fields[name]) for name in fields if name != "audio"}
    for name in REQUIRED:
        if not (fields["audio"] if name == "audio" and "audio" in fields else texts.get(name)):
            what = " (that the speaker agrees, in words)" if name == "consent" else ""
            raise MessageError(f"the form needs a field {name!r}{what}", param=name)
    given = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    consent = Consent(text=texts["consent"], by=texts.get("by") or client, given=given)
    return Wanted(texts["name"], fields["audio"], consent, texts.get("transcript", ""))


def _text(name: str, value: bytes) -> str:
    try:
        text = value.decode().strip()
    except UnicodeDecodeError as error:
        raise MessageError(f"the field {name!r} is not UTF-8", param=name) from error
    if len(text) > MAX_FIELD_CHARS:
        raise MessageError(f"the field {name!r} is longer than {MAX_FIELD_CHARS:,} characters", param=name)
    return text


def _address(request: Request) -> str:
    return f"client {request.client.host}" if request.client is not None else "unknown client"


def _summary(listed: Listed) -> dict[str, object]:
    summary: dict[str, object] = {"name": listed.name, "own": listed.about is not None}
    if listed.about is not None:
        summary |= {"created": listed.about.consent.given, "speech_s": listed.about.speech_s}
    return summary


def _details(listed: Listed) -> dict[str, object]:
    if listed.about is None:
        return _summary(listed)
    consent = listed.about.consent
    return _summary(listed) | {
        "consent": {"text": consent.text, "by": consent.by, "given": consent.given},
        "transcript": listed.about.transcript,
    }
