"""The page in a real browser with a fake microphone, where there is a Chromium."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.server.fakes import FakeBackend, running_server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-device-for-media-stream --use-fake-ui-for-media-stream "
    "--autoplay-policy=no-user-gesture-required --remote-debugging-port=0 --window-size=900,700"
).split()

# where everything must be tested, a browser that is missing fails what needs it
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="needs Chromium"),
    pytest.mark.slow,
]


class Page:
    """A page, driven by the browser's debugging protocol."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.numbers = itertools.count(1)
        self.complaints: list[str] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self.numbers)
        await self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer: dict[str, Any] = json.loads(await asyncio.wait_for(self.socket.recv(), 20))
            if answer.get("id") == number:
                return answer["result"]  # type: ignore[no-any-return]
            entry = answer.get("params", {}).get("entry", {})
            if answer.get("method") == "Runtime.exceptionThrown" or entry.get("level") == "error":
                self.complaints.append(json.dumps(answer["params"]))

    async def run(self, script: str) -> Any:
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, userGesture=True)
        return result["result"].get("value")

    async def until(self, script: str) -> None:
        """Waits until the page has come to a state."""
        async with asyncio.timeout(30):
            while not await self.run(script):  # noqa: ASYNC110 - the page announces nothing
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def open_page(url: str, profile: Path) -> AsyncIterator[Page]:
    assert CHROMIUM is not None, "these tests need Chromium: apt-get install chromium"
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={profile}",
        url,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(60):
            while not (line := (await process.stderr.readline()).decode()).startswith("DevTools listening on "):
                assert line, "the browser ended"
        reading = asyncio.create_task(process.stderr.read())
        browser = line.removeprefix("DevTools listening on ").strip()
        async with websockets.connect(await page_target(browser, url), max_size=None, compression=None) as socket:
            page = Page(socket)
            await page.call("Runtime.enable")
            await page.call("Log.enable")
            yield page
        reading.cancel()
    finally:
        process.kill()
        await process.wait()


async def page_target(browser: str, url: str) -> str:
    """The debugging address of the tab that shows the URL."""
    async with websockets.connect(browser, compression=None) as socket:
        page = Page(socket)
        async with asyncio.timeout(30):
            while True:
                targets = (await page.call("Target.getTargets"))["targetInfos"]
                for target in targets:
                    if target["type"] == "page" and target["url"].startswith(url):
                        return browser.partition("/devtools/")[0] + f"/devtools/page/{target['targetId']}"
                await asyncio.sleep(0.05)


async def test_page_captions_the_microphone_and_speaks(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with running_server(backend) as server, open_page(server.url, tmp_path / "profile") as page:
        await page.until("typeof document.getElementById('listen')?.onclick === 'function'")
        await page.run("document.getElementById('listen').click()")
        await page.until("document.getElementById('state').textContent === 'Listening'")
        await page.until("document.querySelectorAll('#log time').length >= 1")  # the fake microphone beeps
        assert await page.run("document.getElementById('voice').options.length") == 3
        assert backend.sessions[0].format.sample_rate in range(8_000, 48_001)

        await page.run("document.getElementById('text').value = 'a'.repeat(300)")
        await page.run("document.getElementById('speak').click()")
        await page.until("!document.getElementById('cancel').disabled")
        await page.run("document.getElementById('cancel').click()")
        await page.until("document.getElementById('cancel').disabled")
        assert not await page.run("document.getElementById('error').textContent")
        assert page.complaints == []


async def test_page_reconnects_after_the_server_came_back(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with running_server(backend) as server, open_page(server.url, tmp_path / "profile") as page:
        await page.until("typeof document.getElementById('listen')?.onclick === 'function'")
        await page.run("document.getElementById('listen').click()")
        await page.until("document.getElementById('state').textContent === 'Listening'")
        for connection in list(server.connections):
            connection.drain(5.0)
        await page.until("document.querySelectorAll('#log .note').length >= 1")
        await page.until("document.getElementById('state').textContent === 'Listening'")
        assert len(backend.sessions) == 2
