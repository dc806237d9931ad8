"""Who is let in, when the server is ready, how long a session lasts, and how the server goes away."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from tests.server.fakes import LOUD, FakeBackend, ManualClock, connect, eventually, running_server, sample
from voxduct import wire
from voxduct.errors import ModelError
from voxduct.models import JobKind
from voxduct.server.limits import Limits, ServeError, ServerOptions
from voxduct.server.serve import VoiceServer

TOKEN = "s3cret/+ü"


def token_subprotocol(token: str) -> str:
    return "token." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


async def refusal(server: VoiceServer, **options: Any) -> httpx.Response:
    """The HTTP answer to a WebSocket that is not let in."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with connect(server, **options):
            pass
    response = caught.value.response
    return httpx.Response(
        response.status_code, headers=list(response.headers.raw_items()), content=bytes(response.body or b"")
    )


# --- who is let in


async def test_access_without_the_token_is_401() -> None:
    async with running_server(token=TOKEN) as server:
        answer = await refusal(server)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "no_token")
        assert answer.headers["www-authenticate"] == "Bearer"
        wrong = await refusal(server, additional_headers={"Authorization": "Bearer wrong"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "bad_token")
        garbled = await refusal(server, subprotocols=["voxduct.v1", "token.!!!"])
        assert garbled.status_code == 401
        in_query = await refusal(server, path=f"?token={TOKEN[:6]}")
        assert in_query.status_code == 401
        assert sample(server, "refused_total", code="no_token") == 2


async def test_access_with_the_token_as_header_or_subprotocol_is_granted() -> None:
    header = {"Authorization": "Bearer plain-token"}
    async with running_server(token="plain-token") as server, connect(server, additional_headers=header) as client:
        await client.start()
    async with running_server(token=TOKEN) as server:
        offered = ["voxduct.v1", token_subprotocol(TOKEN)]
        async with connect(server, subprotocols=offered) as client:
            assert client.socket.subprotocol == "voxduct.v1"
            await client.start()


async def test_access_metrics_need_the_token_and_health_does_not() -> None:
    async with running_server(token="abc") as server, httpx.AsyncClient(base_url=server.url) as http:
        assert (await http.get("/metrics")).status_code == 401
        assert (await http.get("/metrics", headers={"Authorization": "Bearer abc"})).status_code == 200
        assert (await http.get("/health")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200


async def test_access_from_a_foreign_page_is_403() -> None:
    async with running_server(allowed_origins=("https://captions.example.org",)) as server:
        foreign = await refusal(server, origin="https://evil.example.org")
        assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "bad_origin")
        assert (await refusal(server, origin="null")).status_code == 403
        assert (await refusal(server, origin="http://127.0.0.1:1")).status_code == 403
        for origin in (server.url, "https://captions.example.org"):
            async with connect(server, origin=origin) as client:
                await client.start()


async def test_access_under_a_foreign_name_without_a_token_is_403() -> None:
    async with running_server() as server, httpx.AsyncClient() as http:
        answer = await http.get(f"{server.url}/metrics", headers={"Host": "rebound.example.org"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "bad_host")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "voice.example.org", ""])
def test_options_reachable_address_without_a_token_is_refused(host: str) -> None:
    with pytest.raises(ServeError, match="token"):
        ServerOptions(host=host)
    ServerOptions(host=host, token="something")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_options_loopback_address_needs_no_token(host: str) -> None:
    ServerOptions(host=host)


def test_options_that_make_no_sense_are_refused() -> None:
    cases: tuple[dict[str, Any], ...] = ({"token": " "}, {"port": 70_000}, {"workers": 0})
    for wrong in cases:
        with pytest.raises(ServeError):
            ServerOptions(**wrong)


# --- how many, how long


async def test_limits_one_session_too_many_is_503() -> None:
    async with running_server(max_sessions=1) as server:
        async with connect(server) as client:
            await client.start()
            answer = await refusal(server)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "too_many_sessions")
            assert int(answer.headers["retry-after"]) > 0
        await eventually(lambda: sample(server, "sessions") == 0)
        async with connect(server) as client:
            await client.start()


async def test_limits_overload_refuses_new_sessions_and_keeps_the_old() -> None:
    opened = threading.Event()
    clock = ManualClock()

    def hang(_: JobKind) -> None:
        opened.wait(30)

    backend = FakeBackend(hang)
    async with running_server(backend, clock=clock, workers=1) as server, connect(server) as client:
        await client.start()
        async with connect(server) as other:
            await other.start()
            await client.send_audio(LOUD)
            await other.send_audio(LOUD)
            await eventually(lambda: all(session.out for session in backend.sessions))
            await clock.advance(3.0)
            answer = await refusal(server)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
            opened.set()
            await client.utter_more()
            await clock.advance(6.0)
            async with connect(server) as third:
                await third.start()


async def test_limits_idle_session_is_told_and_closed() -> None:
    clock = ManualClock()
    async with running_server(clock=clock, idle_timeout_s=60.0) as server, connect(server) as client:
        await client.start()
        await client.send_audio(LOUD)
        await client.expect(wire.PartialMessage)
        await clock.advance(59.0)
        await client.utter_more()
        await clock.advance(61.0)
        error = await client.expect_error()
        assert (error.code, error.fatal) == ("idle_timeout", True)
        assert await client.close_code() == 1008


async def test_limits_session_whose_time_is_over_hears_its_last_words() -> None:
    clock = ManualClock()
    async with running_server(clock=clock, max_session_s=100.0) as server, connect(server) as client:
        await client.start()
        await client.send_audio(LOUD)
        await client.expect(wire.PartialMessage)
        await clock.advance(101.0)
        assert (await client.expect(wire.FinalMessage)).text == "w0"
        assert (await client.expect_error()).code == "session_limit"
        assert await client.close_code() == 1008


async def test_limits_socket_that_never_starts_is_closed() -> None:
    clock = ManualClock()
    async with running_server(clock=clock, idle_timeout_s=5.0) as server, connect(server) as client:
        await eventually(lambda: len(clock) > 0)
        await clock.advance(6.0)
        assert (await client.expect_error()).code == "idle_timeout"
        assert await client.close_code() == 1008


# --- how it comes and goes


async def test_serve_is_alive_while_loading_and_ready_after_it() -> None:
    loaded = threading.Event()

    def load() -> FakeBackend:
        assert loaded.wait(30)
        return FakeBackend()

    server = VoiceServer(ServerOptions(port=0, workers=1), load)
    running = asyncio.create_task(server.run())
    await asyncio.wait_for(server.listening.wait(), 10)
    async with httpx.AsyncClient(base_url=server.url) as http:
        assert (await http.get("/health")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
        assert (await refusal(server)).status_code == 503
        loaded.set()
        await asyncio.wait_for(server.ready.wait(), 10)
        answer = await http.get("/readyz")
        assert (answer.status_code, answer.json()["voices"]) == (200, ["ann", "bob"])
    await server.stop(0.0)
    await running


async def test_serve_without_models_raises_what_is_wrong() -> None:
    def load() -> FakeBackend:
        raise ModelError("encoder.onnx is missing")

    with pytest.raises(ModelError, match=r"encoder\.onnx"):
        await VoiceServer(ServerOptions(port=0, workers=1), load).run()


async def test_serve_on_a_taken_port_raises() -> None:
    async with running_server() as server:
        with pytest.raises(ServeError, match="another server"):
            await VoiceServer(ServerOptions(port=server.port, workers=1), FakeBackend).run()


async def test_serve_drain_finishes_what_is_open_and_closes_1012() -> None:
    async with running_server() as server, connect(server) as client, connect(server) as waiting:
        await client.start()
        await client.send_audio(LOUD, LOUD)
        await client.send(type="say", id="last", text="abc")
        await client.expect(wire.SpeechAudioStartMessage)
        stopping = asyncio.create_task(server.stop())
        wanted = {wire.Draining, wire.FinalMessage, wire.SpeechAudioEndMessage}
        seen: set[type] = set()
        while not wanted <= seen:
            seen.add(type(await client.receive()))
        assert await client.close_code() == 1012
        assert await waiting.close_code() == 1012
        await stopping


async def test_serve_drain_gives_up_at_its_deadline() -> None:
    clock = ManualClock()
    opened = threading.Event()

    def hang(kind: JobKind) -> None:
        if kind is JobKind.FINAL:
            opened.wait(30)

    async with running_server(FakeBackend(hang), clock=clock) as server, connect(server) as client:
        await client.start()
        await client.send_audio(LOUD)
        await client.expect(wire.PartialMessage)
        stopping = asyncio.create_task(server.stop(10.0))
        await client.expect(wire.Draining)
        await clock.advance(11.0)
        assert await client.close_code() == 1012
        opened.set()
        await stopping


async def test_serve_metrics_tell_what_happened() -> None:
    async with running_server() as server, httpx.AsyncClient(base_url=server.url) as http:
        async with connect(server) as client:
            await client.start()
            await client.utter()
            await client.send(type="say", text="abc")
            await client.expect(wire.SpeechAudioEndMessage)
            text = (await http.get("/metrics")).text
        for line in (
            "voxduct_sessions 1.0",
            'voxduct_utterances_total{heard_by="client"} 1.0',
            'voxduct_gate_total{layer="silent"} 3.0',
            'voxduct_speculations_total{outcome="used"} 2.0',
            "voxduct_commit_latency_seconds_count 2.0",
            "voxduct_final_latency_seconds_count 1.0",
            "voxduct_first_audio_seconds_count 1.0",
            'voxduct_job_run_seconds_count{kind="vad"} 3.0',
        ):
            assert line in text.splitlines()


async def test_serve_page_is_sent_with_a_strict_policy() -> None:
    async with running_server() as server, httpx.AsyncClient(base_url=server.url) as http:
        page = await http.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        for name in ("client.js", "worklet.js", "style.css"):
            assert f'"{name}"' in page.text or name == "worklet.js"
            assert (await http.get(f"/{name}")).status_code == 200
        assert "http://" not in page.text.replace("http://www.w3.org", "")
        assert "https://" not in page.text


PROGRAM = """
from tests.server.fakes import FakeBackend
from voxduct.server.limits import ServerOptions
from voxduct.server.serve import serve
serve(ServerOptions(port=0, workers=1), FakeBackend, on_listening=lambda url: print(url, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serve_signal_drains_and_exits_0(number: signal.Signals) -> None:
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{root}:{root / 'engine'}"}
    process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
        [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = (await asyncio.to_thread(process.stdout.readline)).strip()
        async with asyncio.timeout(20):
            async with httpx.AsyncClient(base_url=url) as http:
                while (await http.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.02)
            async with connect(url) as client:
                await client.start()
                await client.send_audio(LOUD)
                await client.expect(wire.PartialMessage)
                process.send_signal(number)
                await client.expect(wire.Draining)
                assert (await client.expect(wire.FinalMessage)).text == "w0"
                assert await client.close_code() == 1012
            assert await asyncio.to_thread(process.wait) == 0
    finally:
        process.kill()
        process.wait()


def test_limits_defaults_are_those_of_the_protocol_page() -> None:
    text = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    limits = Limits()
    assert f"{limits.max_message_bytes:,} bytes" in text
    assert f"{limits.max_text_chars:,} characters" in text
    assert f"{limits.idle_timeout_s:.0f} s" in text
