"""`voxduct models pull lyra-soundstream` and `voxduct codec --codec lyra` as a user meets them, against loopback."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from tests.lyra_files import FRAME, write_tiny
from voxduct.cli import main
from voxduct.codec.packed import unpack
from voxduct.errors import HubError
from voxduct.hub.checksum import sha256
from voxduct.hub.lyra import LYRA
from voxduct.hub.raw import RawFile, RawModel
from voxduct.loading import OWN_CODEC, WIRE_CODECS, EngineOptions, load_wire_codecs
from voxduct.onnx.lyra import LyraCodec

CLIP = Path(__file__).parents[2] / "benchmarks" / "data" / "demo" / "demo-00.opus"


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, RawModel]]:
    """A server that has tiny files where Lyra's repository has the real ones, and the model that they make."""
    root = tmp_path_factory.mktemp("site")
    made = write_tiny(root / "made")
    files = []
    for file in LYRA.files:
        path = root / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((made / file.name).read_bytes())
        files.append(RawFile(file.path, path.stat().st_size, sha256(path)))
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="site")
    thread.start()
    yield (
        f"http://127.0.0.1:{server.server_address[1]}",
        replace(LYRA, files=tuple(files), address="http://127.0.0.1:9"),
    )
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def room(site: tuple[str, RawModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and the server as the place that the environment names."""
    address, model = site
    for module in ("voxduct.loading", "voxduct.cli.models_pull", "voxduct.cli.models_list"):
        monkeypatch.setattr(f"{module}.LYRA", model)
    monkeypatch.setenv("VOXDUCT_LYRA_URL", address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pulled(room: Path) -> Path:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert code_of("models", "pull", LYRA.name) == 0
    return Path(printed.getvalue().strip())


def code_of(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as end:  # argparse
        return int(end.code or 0)


def feed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_pull_says_the_licence_and_prints_the_folder(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("models", "pull", LYRA.name) == 0
    printed = capsys.readouterr()
    assert (Path(printed.out.strip()) / "lyragan.tflite").is_file()
    first, second = printed.err.splitlines()
    assert "Apache-2.0" in first and "LICENSE" in first
    assert "to come from http://127.0.0.1" in second


def test_pull_to_puts_the_files_into_a_folder(room: Path, tmp_path: Path) -> None:
    assert code_of("models", "pull", LYRA.name, "--to", str(tmp_path / "out")) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} > {"LICENSE", "quantizer.tflite"}


def test_pull_of_a_precision_is_wrong_use(room: Path) -> None:
    assert code_of("models", "pull", LYRA.name, "--precision", "int8") == 2


def test_list_and_verify_know_the_pulled_codec(pulled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("models", "list", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["source"] for row in rows if row["name"] == LYRA.name] == ["pulled"]
    assert code_of("models", "verify") == 0


@pytest.mark.parametrize(("kbps", "size"), [("3.2", 8), ("6", 15), ("9.2", 23)])
def test_codec_lyra_round_trip_keeps_the_length(pulled: Path, tmp_path: Path, kbps: str, size: int) -> None:
    packets, back = tmp_path / "a.lyra", tmp_path / "a.wav"
    assert code_of("codec", "encode", "--codec", "lyra", "--kbps", kbps, str(CLIP), str(packets)) == 0
    assert code_of("codec", "decode", "--codec", "lyra", "--kbps", kbps, str(packets), str(back)) == 0
    frames = -(-round(soundfile.info(CLIP).duration * 16_000) // FRAME)
    assert packets.stat().st_size == frames * size
    assert (soundfile.info(back).frames, soundfile.info(back).samplerate) == (frames * FRAME, 16_000)


def test_codec_lyra_on_pipes_says_what_it_says_on_files(
    pulled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    sound = np.random.default_rng(0).normal(0, 3000, FRAME * 5 + 7).astype("<i2")
    soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype="PCM_16")
    assert code_of("codec", "encode", "--codec", "lyra", str(tmp_path / "a.wav"), str(tmp_path / "a.lyra")) == 0
    feed(monkeypatch, sound.tobytes())
    assert code_of("codec", "encode", "--codec", "lyra", "-", "-") == 0
    packets = capsysbinary.readouterr().out
    assert packets == (tmp_path / "a.lyra").read_bytes() and len(packets) == 6 * 8
    assert code_of("codec", "decode", "--codec", "lyra", str(tmp_path / "a.lyra"), str(tmp_path / "b.wav")) == 0
    feed(monkeypatch, packets)
    assert code_of("codec", "decode", "--codec", "lyra", "-", "-") == 0
    heard = np.frombuffer(capsysbinary.readouterr().out, "<i2").astype(int)
    assert np.abs(heard - soundfile.read(tmp_path / "b.wav", dtype="int16")[0]).max() <= 1


def test_codec_lyra_of_packets_that_were_cut_off_is_wrong_use(
    pulled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cut.lyra").write_bytes(bytes(8 * 2 + 3))
    assert code_of("codec", "decode", "--codec", "lyra", str(tmp_path / "cut.lyra"), str(tmp_path / "b.wav")) == 2
    assert "no whole packets of 8" in capsys.readouterr().err


def test_codec_lyra_of_another_rate_is_wrong_use(pulled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("codec", "encode", "--codec", "lyra", "--kbps", "7", str(CLIP), "x") == 2
    assert "3.2, 6, 9.2" in capsys.readouterr().err


def test_codec_at_a_rate_that_it_does_not_have_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("codec", "encode", "--kbps", "6", str(CLIP), "x") == 2
    assert "0.5, 1, 1.5, 2" in capsys.readouterr().err


@pytest.mark.parametrize(("kbps", "books"), [("0.5", 1), ("1.5", 3), ("2", 4)])
def test_codec_at_each_of_its_rates_sends_so_many_books(tmp_path: Path, kbps: str, books: int) -> None:
    whole, coarse, wav = (str(tmp_path / name) for name in ("whole.vxc", "coarse.vxc", "back.wav"))
    assert code_of("codec", "encode", str(CLIP), whole) == 0
    assert code_of("codec", "encode", "--kbps", kbps, str(CLIP), coarse) == 0
    sent = unpack(Path(coarse).read_bytes())
    assert np.array_equal(sent.codes, unpack(Path(whole).read_bytes()).codes[:books])
    assert code_of("codec", "decode", coarse, wav) == 0
    assert soundfile.info(wav).frames == sent.samples


def test_kbps_of_a_codec_with_one_rate_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("codec", "encode", "--codec", str(tmp_path), "--kbps", "6", str(CLIP), "x") == 2
    assert "one rate" in capsys.readouterr().err


def test_codec_lyra_that_was_not_pulled_says_how_to(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("codec", "encode", "--codec", "lyra", str(CLIP), "x") == 1
    assert "voxduct models pull lyra-soundstream" in capsys.readouterr().err


# --- on the wire


def test_wire_codecs_of_all_rates_fit_packets_and_share_their_weights(pulled: Path) -> None:
    codecs = load_wire_codecs(EngineOptions(wire_codecs=WIRE_CODECS))
    assert {name: codec.format.frame_bytes for name, codec in codecs.items()} == {
        "voxduct-codec-16k": 5, "lyra-3.2": 8, "lyra-6": 15, "lyra-9.2": 23,
    }  # fmt: skip
    lyras = [codec.codec for name, codec in codecs.items() if name.startswith("lyra")]
    assert len({id(codec._model) for codec in lyras if isinstance(codec, LyraCodec)}) == 1
    assert codecs["lyra-6"].format.version == LYRA.revision


def test_wire_codecs_of_lyra_that_was_not_pulled_say_how_to(room: Path) -> None:
    with pytest.raises(HubError, match="voxduct models pull lyra-soundstream"):
        load_wire_codecs(EngineOptions(wire_codecs=("lyra-6",)))


@pytest.mark.parametrize(
    ("arguments", "offered"), [((), (OWN_CODEC,)), (("--wire-codec", "lyra"), WIRE_CODECS)], ids=["own", "lyra"]
)
def test_serve_offers_lyra_only_when_told(
    arguments: tuple[str, ...], offered: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[EngineOptions] = []

    def mute(options: EngineOptions, **rest: object) -> SimpleNamespace:
        asked.append(options)
        return SimpleNamespace(synthesiser=None)

    monkeypatch.setattr("voxduct.cli.serve.serve", lambda options, load, **rest: load())
    monkeypatch.setattr("voxduct.cli.serve.load_engine", mute)
    monkeypatch.setattr("voxduct.cli.serve.EngineBackend", lambda engine: None)
    assert code_of("serve", *arguments) == 0
    assert asked[0].wire_codecs == offered
