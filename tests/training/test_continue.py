"""The continuation's recipe: sounds, rows, warm start, narrow weights, and a whole tiny run that then continues."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import soundfile
import torch

from voxduct.cli import main
from voxduct.onnx.continuation import OnnxAcousticLm, OnnxSemanticLm
from voxduct.onnx.semantic import Clusters
from voxduct_training.code_lm_export import config as voice_config
from voxduct_training.code_lm_export import export as export_voice
from voxduct_training.code_lm_export import read_weights
from voxduct_training.code_lm_model import CodeLm
from voxduct_training.continue_data import Clip, Rows, Stream, bounds, group_of
from voxduct_training.continue_export import config, export, silent_tokens
from voxduct_training.continue_model import PROFILES, WINDOW, AcousticLm, SemanticLm, semantic_window
from voxduct_training.continue_sounds import sound
from voxduct_training.continue_start import find_clusters, start_from_voice, told_and_wanted
from voxduct_training.narrowed import narrow

ROOT = Path(__file__).parents[2]
CLUSTERS = 8


def clusters(rng: np.random.Generator) -> Clusters:
    return Clusters(
        np.eye(16, dtype=np.float32), np.zeros(16, np.float32), rng.normal(size=(CLUSTERS, 16)).astype("f4")
    )


def clip(rng: np.random.Generator, phones: list[tuple[str, int]], tokens: int = 20) -> Clip:
    codes = rng.integers(0, 1024, (4, 2 * tokens)).astype(np.int16)
    return Clip("ada", "some text", codes, rng.normal(size=(tokens, 16)).astype(np.float16), phones)


def moved(model: torch.nn.Module) -> torch.nn.Module:
    """Random in every weight: layers that begin at zero would hide mistakes."""
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.mark.parametrize("seed", range(6))
def test_sounds_are_as_long_as_asked_and_within_range(seed: int) -> None:
    kind, made = sound(np.random.default_rng(seed), 2.0)
    assert kind in {"tone", "melody", "chords", "rhythm"}
    assert made.shape == (32_000,)
    assert np.abs(made).max() == pytest.approx(0.6, rel=1e-3)


def test_bounds_keep_a_little_silence_around_the_sound() -> None:
    audio = np.zeros(32_000, np.int16)
    audio[10_000:20_000] = 3_000
    assert bounds(audio) == (10_000 // 160 * 160 - 1_200, 20_000 + 4_000)
    assert bounds(np.zeros(1_000, np.int16)) == (0, 0)


def test_rows_join_clips_of_one_speaker_with_codes_beside_their_tokens() -> None:
    def stream(speaker: str, first: int, tokens: int) -> Stream:
        place = np.arange(first, first + tokens)
        return Stream(speaker, np.stack([np.repeat(place, 2)] * 4), place)

    rows = Rows([stream("a", 0, 30), stream("a", 100, 30), stream("sound7", 500, 90)], {"*": 1.0}, seed=0)
    for _ in range(20):
        codes, tokens, pool = rows.row(64)
        assert np.array_equal(codes[0], np.repeat(tokens, 2))
        assert (tokens.min() >= 500) == (len(pool) == 1)
        if len(pool) == 1:
            assert np.array_equal(np.diff(tokens), np.ones(63))
    assert rows.reference(rows.pools["a"], 128).shape == (4, 128)
    assert [group_of(s) for s in ("x07", "sound12", "ada", "xenia")] == ["x", "sound", "ada", "xenia"]


def test_semantic_window_tells_neighbours_of_every_frame() -> None:
    found = semantic_window(torch.tensor([5, 6, 7]), 9)
    assert found.tolist() == [[9, 5, 6, 7], [9, 5, 6, 7], [5, 6, 7, 9], [5, 6, 7, 9], [6, 7, 9, 9], [6, 7, 9, 9]]


def test_clusters_of_separate_heaps_are_the_heaps() -> None:
    rng = np.random.default_rng(2)
    heaps = rng.normal(size=(5, 16)) * 4
    which = rng.integers(0, 5, 400)
    one = clip(rng, [])
    one.features = (heaps[which] + rng.normal(size=(400, 16)) * 0.05).astype(np.float16)
    tokens = find_clusters([one], count=12).nearest(one.features.astype(np.float32))
    for token in np.unique(tokens):
        assert len(np.unique(which[tokens == token])) == 1


def test_silent_tokens_are_those_of_pauses() -> None:
    rng = np.random.default_rng(3)
    known = clusters(rng)
    one = clip(rng, [("pau", 640 * 6), ("aa", 640 * 20)])
    one.features[:6], one.features[6:] = known.centres[2], known.centres[5]
    assert silent_tokens([one], known) == [2]


def test_acoustic_model_started_from_a_voice_knows_what_its_phones_meant(tmp_path: Path) -> None:
    torch.manual_seed(1)
    rng = np.random.default_rng(4)
    voice = CodeLm(width=64, layers=2, heads=1)
    moved(voice)
    # Tokens do not say how long a phone has lasted, and these not what comes after it.
    for table in (voice.age, voice.phones[0], voice.phones[2], voice.phones[3]):
        torch.nn.init.normal_(table.weight, std=1e-3)  # the exporter stores equal tensors only once
    export_voice(voice, tmp_path, voice_config(voice, {}, [], "ada"), "0.0.0")
    known = clusters(rng)
    clips = []
    for _ in range(40):  # token 2 is always the phone aa, token 5 always s; each lasts for four tokens
        heard = rng.integers(0, 2, 8)
        one = clip(rng, [(("aa", "s")[which], 2560 * (place + 1)) for place, which in enumerate(heard)], tokens=32)
        one.features[:] = known.centres[[(2, 5)[which] for which in np.repeat(heard, 4)]]
        clips.append(one)
    model = AcousticLm(64, 2, 1, clusters=CLUSTERS)
    start_from_voice(model, tmp_path, clips, known)
    torch.testing.assert_close(model.heads_out.weight, voice.heads_out.weight, atol=2e-3, rtol=2e-3)
    columns, wanted = (torch.cat(parts) for parts in told_and_wanted(read_weights(tmp_path), clips, known))
    with torch.no_grad():
        slots = [table(columns[:, k] - k * (CLUSTERS + 1)) for k, table in enumerate(model.semantic)]
        told = sum(slots) + model.phase(columns[:, WINDOW] - WINDOW * (CLUSTERS + 1))
        missed = (told - wanted).var(0).sum() / wanted.var(0).sum()
    assert missed < 0.3


def test_narrowed_graphs_step_by_step_say_what_the_models_say_at_once(tmp_path: Path) -> None:
    torch.manual_seed(5)
    rng = np.random.default_rng(5)
    shapes = PROFILES["tiny"]
    semantic, acoustic = SemanticLm(**shapes["semantic"]), AcousticLm(**shapes["acoustic"])
    moved(semantic), moved(acoustic)
    encoder = tmp_path / "encoder.onnx"
    encoder.write_bytes(b"copied as it is")
    export(semantic, acoustic, clusters(rng), [1], encoder, tmp_path / "made", "0.0.0")
    assert (tmp_path / "made/onnx/semantic_encoder_int8.onnx").read_bytes() == encoder.read_bytes()
    settings = config(semantic, acoustic, [1])

    tokens = rng.integers(0, 320, 12)
    lm = OnnxSemanticLm(tmp_path / "made", settings["semantic_lm"])
    state = lm.new_state()
    found = np.concatenate([lm.step(part, state) for part in (tokens[:5], tokens[5:6], tokens[6:])])
    with torch.no_grad():
        wanted = semantic(torch.from_numpy(tokens)[None], torch.arange(12)[None])[0][0].numpy()
    assert np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()

    codes, windows, phase = rng.integers(0, 1024, (12, 4)), rng.integers(0, 320, (12, WINDOW)), np.arange(12) % 2
    voice = OnnxAcousticLm(tmp_path / "made", settings["acoustic_lm"], settings["voice_books"])
    speaker = voice.speaker(rng.integers(0, 1024, (4, 30)))
    state = voice.new_state()
    pieces = (slice(0, 5), slice(5, 6), slice(6, 12))
    found = np.concatenate([voice.step(codes[p], windows[p], phase[p], speaker, state) for p in pieces])
    with torch.no_grad():
        given = [torch.from_numpy(x)[None] for x in (codes, windows, phase, speaker)]
        wanted = acoustic(*given, torch.arange(12)[None])[0][0].numpy()
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.995


def test_narrow_makes_files_a_quarter_and_keeps_what_they_say(tmp_path: Path) -> None:
    torch.manual_seed(6)
    layer, path = torch.nn.Linear(256, 512), tmp_path / "layer.onnx"
    given = torch.randn(3, 256)
    torch.onnx.export(layer, (given,), str(path), input_names=["x"], dynamo=False, do_constant_folding=False)
    before = path.stat().st_size
    narrow(path)
    assert path.stat().st_size < 0.3 * before
    (found,) = ort.InferenceSession(str(path)).run(None, {"x": given.numpy()})
    np.testing.assert_allclose(found, layer(given).detach().numpy(), atol=0.02)


@pytest.mark.slow
@pytest.mark.model
def test_tiny_recipe_makes_a_model_that_continues_a_tone(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [
        "--profile",
        "tiny",
        "--minutes",
        "0.1",
        "--work",
        str(tmp_path / "work"),
        "--out",
        str(tmp_path / "made"),
    ]
    subprocess.run([ROOT / "training/runs/continue.sh", *arguments], check=True, env=environment, cwd=ROOT)
    out = tmp_path / "out.wav"
    prompt = tmp_path / "prompt.wav"
    soundfile.write(prompt, 0.3 * np.sin(2 * np.pi * 220 * np.arange(44_100) / 44_100), 44_100)
    assert main(["continue", str(prompt), "-o", str(out), "--seconds", "1.5", "--model", str(tmp_path / "made")]) == 0
    samples, rate = soundfile.read(out)
    assert (len(samples), rate) == (24_000, 16_000)
    assert np.abs(samples).max() <= 1.0
