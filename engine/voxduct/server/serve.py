"""Starts, readies, drains and stops the server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator

import uvicorn

from voxduct.errors import ClientError, MessageError, VoxductError
from voxduct.server.app import App
from voxduct.server.backend import Backend
from voxduct.server.bridge import Bridge, Bridges
from voxduct.server.clock import Clock, SystemClock
from voxduct.server.limits import ServeError, ServerOptions
from voxduct.server.metrics import Metrics
from voxduct.server.registry import Drainable, Registry, ServerState
from voxduct.server.scheduler import JobScheduler
from voxduct.server.transport import WebSocketTransport
from voxduct.wire import Say

MAX_RECEIVED_BYTES = 32 * 1024 * 1024  # a message up to here is refused with an `error`; a bigger one closes 1009
PING_INTERVAL_S = 20.0
SHUTDOWN_S = 2  # for closing handshakes, after draining
SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = logging.getLogger(__name__)


class VoiceServer:
    """One server; `run` it once.

    `load` is called on a thread after the port is open; it loads the models. They are warmed up there, too.
    """

    def __init__(self, options: ServerOptions, load: Callable[[], Backend], *, clock: Clock | None = None) -> None:
        self.metrics = Metrics()
        self.listening = asyncio.Event()
        """The port is open; `url` tells which."""
        self.ready = asyncio.Event()
        """Sessions are accepted."""
        self._options = options
        self._load = load
        self._clock = SystemClock() if clock is None else clock
        self._scheduler = JobScheduler(options.workers, self._clock, self.metrics)
        self._registry = Registry(options.limits, self._scheduler.queue_delay, self._scheduler.firm_load)
        self._bridges = Bridges()
        self._app = App(options, self._scheduler, self._registry, self.metrics, self._clock, self._bridges)
        self._uvicorn = _Uvicorn(_config(self._app, options), self._on_signal, self.listening)
        self._stopping: asyncio.Task[None] | None = None
        self._failure: VoxductError | None = None

    @property
    def port(self) -> int:
        """The port listened on; known once `listening` is set."""
        port: int = self._uvicorn.servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Where the page is; known once `listening` is set."""
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        return f"http://{host}:{self.port}"

    @property
    def connections(self) -> list[Drainable]:
        """What is open now; draining one ends it with 1012, and its client comes back."""
        return list(self._registry)

    def attach(self, bridge: Bridge) -> None:
        """Adds a bridge; it runs, and is told everything, while the server runs. Call it before `run`."""
        self._bridges.add(bridge)

    def speak(self, say: Say, session: str | None = None) -> None:
        """Makes the client of a session hear this, or all that can.

        Raises:
            ClientError: no such session, or it cannot speak that; for all: when not one of them can.
        """
        if session is not None:
            self._registry.named(session).speak(say)
            return
        heard, refusal = 0, None
        for connection in self._registry:
            try:
                connection.speak(say)
                heard += 1
            except ClientError as error:
                refusal = error
        if not heard:
            raise refusal or MessageError("no session is open", code="unknown_session", param="session")

    async def run(self) -> None:
        """Serves until `stop` or a signal; everything is finished and closed when it returns.

        Raises:
            VoxductError: the port is taken, or the models cannot be loaded.
        """
        self.metrics.watch_queue(self._scheduler.queue_delay)
        async with self._scheduler, asyncio.TaskGroup() as group:
            lag = group.create_task(self.metrics.measure_loop(self._clock), name="server.lag")
            readying = group.create_task(self._get_ready(), name="server.load")
            bridging = group.create_task(self._bridges.run(), name="server.bridges")
            await self._serve()
            bridging.cancel()
            lag.cancel()
            readying.cancel()
        if self._failure is not None:
            raise self._failure

    async def _serve(self) -> None:
        try:
            await self._uvicorn.serve()
        except SystemExit:  # how uvicorn says that it could not listen; it has logged why
            self._failure = ServeError(
                f"cannot listen on {self._options.host} port {self._options.port}: is another server running there? "
                "Choose another port",
                param="port",
            )

    async def _get_ready(self) -> None:
        await self.listening.wait()
        try:
            backend = await _on_thread(self._load_and_warm_up)
        except VoxductError as error:
            self._failure = error
            self._uvicorn.should_exit = True
            return
        self._app.backend = backend
        self.metrics.watch_counters(backend.counters)
        if self._registry.state is ServerState.LOADING:
            self._registry.state = ServerState.READY
            self.ready.set()
            log.info("ready: %d job threads, voices: %s", self._scheduler.workers, ", ".join(backend.voices) or "none")

    def _load_and_warm_up(self) -> Backend:
        backend = self._load()
        backend.warm_up()
        return backend

    async def stop(self, seconds: float | None = None) -> None:
        """Finishes what is open within so many seconds (default: the limits' `drain_s`), then stops."""
        await self._registry.drain(self._options.limits.drain_s if seconds is None else seconds)
        self._uvicorn.should_exit = True

    def _on_signal(self) -> None:
        if self._stopping is None:
            log.info("stopping: finishing %d sessions; a second signal stops at once", len(self._registry))
            self._stopping = asyncio.get_running_loop().create_task(self.stop(), name="server.stop")
        else:
            self._uvicorn.should_exit = True
            self._uvicorn.force_exit = True


def serve(
    options: ServerOptions,
    load: Callable[[], Backend],
    *,
    on_listening: Callable[[str], None],
    prepare: Callable[[VoiceServer], None] = lambda server: None,
) -> None:
    """Serves until SIGINT or SIGTERM; blocks. `on_listening` is told the URL once the port is open.

    `prepare` may attach bridges to the server before it runs.

    Raises:
        VoxductError: the port is taken, or the models cannot be loaded.
    """

    async def main() -> None:
        server = VoiceServer(options, load)
        prepare(server)

        async def announce() -> None:
            await server.listening.wait()
            on_listening(server.url)

        announcing = asyncio.create_task(announce(), name="server.announce")
        try:
            await server.run()
        finally:
            announcing.cancel()

    asyncio.run(main())


async def _on_thread(load: Callable[[], Backend]) -> Backend:
    """Runs `load` on a daemon thread: a server that is stopped meanwhile does not wait for its models."""
    loop = asyncio.get_running_loop()
    loaded: asyncio.Future[Backend] = loop.create_future()

    def settle(backend: Backend | None, error: Exception | None) -> None:
        if loaded.cancelled():
            return
        if backend is not None:
            loaded.set_result(backend)
        else:
            loaded.set_exception(error or ServeError("the models were not loaded"))

    def work() -> None:
        backend: Backend | None = None
        error: Exception | None = None
        try:
            backend = load()
        except Exception as failure:  # handed to the waiter
            error = failure
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits
            loop.call_soon_threadsafe(settle, backend, error)

    threading.Thread(target=work, name="voxduct-load", daemon=True).start()
    return await loaded


class _Uvicorn(uvicorn.Server):
    """uvicorn, with signals that drain first and an event for the open port."""

    def __init__(self, config: uvicorn.Config, on_signal: Callable[[], None], listening: asyncio.Event) -> None:
        super().__init__(config)
        self._on_signal = on_signal
        self._listening = listening

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(None)
        if self.started:
            self._listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)


def _config(app: App, options: ServerOptions) -> uvicorn.Config:
    return uvicorn.Config(
        app.asgi(),
        host=options.host,
        port=options.port,
        ws=WebSocketTransport,
        ws_max_size=MAX_RECEIVED_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=None,  # a socket that is not read for backpressure is not dead; `idle_timeout_s` finds those
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",  # what it would say at "info", this server says itself
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
