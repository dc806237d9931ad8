"""The web application: the stream, voices, health, metrics and the page, on one port."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

import voxduct
from voxduct.server.access import Refusal, check_request, choose_subprotocol
from voxduct.server.backend import Backend
from voxduct.server.bridge import Bridges
from voxduct.server.clock import Clock
from voxduct.server.connection import Connection
from voxduct.server.limits import ServerOptions
from voxduct.server.metrics import Metrics
from voxduct.server.page import page_routes
from voxduct.server.refuse import refusal_response
from voxduct.server.registry import Registry, ServerState
from voxduct.server.scheduler import JobScheduler
from voxduct.server.voices import VoiceRoutes

STREAM_PATH = "/v1/stream"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class App:
    """What the routes share. `backend` is None until the models are loaded."""

    def __init__(
        self,
        options: ServerOptions,
        scheduler: JobScheduler,
        registry: Registry,
        metrics: Metrics,
        clock: Clock,
        bridges: Bridges,
    ) -> None:
        self.backend: Backend | None = None
        self._options = options
        self._scheduler = scheduler
        self._registry = registry
        self._metrics = metrics
        self._clock = clock
        self._bridges = bridges
        self._voices = VoiceRoutes(options, scheduler, registry, metrics, lambda: self.backend)

    def asgi(self) -> Starlette:
        """The application to serve."""
        return Starlette(
            routes=[
                WebSocketRoute(STREAM_PATH, self._stream),
                Route("/health", self._health),
                Route("/readyz", self._ready),
                Route("/metrics", self._show_metrics),
                *self._voices.routes(),
                *page_routes(),
            ]
        )

    async def _stream(self, socket: WebSocket) -> None:
        subprotocols = socket.scope.get("subprotocols", [])
        refusal = check_request(self._options, socket.headers, subprotocols) or self._registry.refusal()
        if refusal is not None or self.backend is None:
            await self._refuse(socket, refusal or Refusal(503, "not_ready", "the models are being loaded"))
            return
        name = self._registry.new_name()
        connection = Connection(
            name,
            socket,
            self.backend,
            self._scheduler,
            self._options.limits,
            self._metrics,
            self._clock,
            self._bridges,
        )
        self._registry.enter(name, connection)
        try:
            await socket.accept(subprotocol=choose_subprotocol(subprotocols))
            await connection.run()
        finally:
            self._registry.leave(name)

    async def _refuse(self, socket: WebSocket, refusal: Refusal) -> None:
        self._metrics.refused.labels(refusal.code).inc()
        await socket.send_denial_response(refusal_response(refusal))

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def _ready(self, _: Request) -> Response:
        state = self._registry.state
        body: dict[str, object] = {
            "status": state.value,
            "version": voxduct.__version__,
            "sessions": len(self._registry),
        }
        if self.backend is not None:
            body["voices"] = list(self.backend.voices)
            body["codecs"] = [codec.name for codec in self.backend.codecs]
        return JSONResponse(body, status_code=200 if state is ServerState.READY else 503)

    async def _show_metrics(self, request: Request) -> Response:
        refusal = check_request(self._options, request.headers)
        if refusal is not None:
            return refusal_response(refusal)
        return PlainTextResponse(self._metrics.render(), headers={"content-type": METRICS_TYPE})
