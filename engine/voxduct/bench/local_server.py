"""A server of our own in a child process, on a free loopback port, as `voxduct serve` starts it."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from voxduct.errors import MessageError, ServerError

HOST = "127.0.0.1"
READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.1
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int
    pid: int | None = None
    """Its process, when it is one of ours."""

    @classmethod
    def parse(cls, url: str) -> Address:
        """From `http://HOST:PORT`; raises MessageError when it is none."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.hostname is None or parts.port is None:
            raise MessageError(f"{url} is no server's address; write http://HOST:PORT", param="url")
        return cls(parts.hostname, parts.port)

    @property
    def http(self) -> str:
        """Base of its HTTP addresses."""
        return f"http://{self.host}:{self.port}"

    @property
    def stream(self) -> str:
        """Address of its sessions."""
        return f"ws://{self.host}:{self.port}/v1/stream"

    def get(self, path: str) -> str:
        """The body of an HTTP answer; raises OSError while there is none, or not with status 200."""
        with NO_PROXY.open(f"{self.http}{path}", timeout=10) as answer:
            body: bytes = answer.read()
        return body.decode()


@contextmanager
def local_server(arguments: Sequence[str] = ()) -> Iterator[Address]:
    """Starts `voxduct serve` with more arguments, waits until it is ready, and ends it afterwards.

    Raises:
        ServerError: it did not become ready; the message ends with the last line of its log.
    """
    address = Address(HOST, _free_port())
    command = [sys.executable, "-m", "voxduct", "serve", "--host", HOST, "--port", str(address.port), *arguments]
    with tempfile.TemporaryFile("w+") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            if not _ready(address, process):
                log.seek(0)
                lines = log.read().strip().splitlines() or ["it said nothing"]
                raise ServerError(f"the server did not start: {lines[-1]}")
            yield replace(address, pid=process.pid)
        finally:
            _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _ready(address: Address, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            address.get("/readyz")
        except OSError:  # not listening yet, or loading: 503
            time.sleep(POLL_S)
        else:
            return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
