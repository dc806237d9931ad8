"""A real mosquitto on a free loopback port."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"])


def find_mosquitto() -> str:
    """The broker's program, installed with apt where that is possible; without one the tests fail, none is skipped."""
    program = shutil.which("mosquitto", path=SEARCH_PATH)
    if program is None and os.geteuid() == 0 and shutil.which("apt-get"):
        command = ["apt-get", "install", "-y", "--no-install-recommends", "mosquitto"]
        subprocess.run(command, check=False, capture_output=True, timeout=300)
        program = shutil.which("mosquitto", path=SEARCH_PATH)
    if program is None:
        raise RuntimeError("the MQTT tests need a broker: apt install mosquitto")
    return program


class Broker:
    """One mosquitto; `start` after `stop` uses the same port, and remembers nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = find_mosquitto()
        self._process: asyncio.subprocess.Process | None = None
        self.port = _free_port()

    async def start(self) -> None:
        config = self._folder / "mosquitto.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type error\n")
        self._process = await asyncio.create_subprocess_exec(
            self._program, "-c", str(config), stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(10):
            while not await self._answers():
                assert self._process.returncode is None, "mosquitto did not start"
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
