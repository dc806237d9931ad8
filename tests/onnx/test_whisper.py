"""OnnxWhisper against transformers, on a Whisper of random weights that is made here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from tests.tiny_tokenizer import save_tokenizer
from voxduct.asr.decode.greedy import Decoded, Request, greedy
from voxduct.asr.decode.rules import text_rules
from voxduct.asr.options import AsrOptions, DecodingOptions, StreamingPolicy
from voxduct.asr.recogniser import Window
from voxduct.asr.tokenizer import Tokenizer
from voxduct.dsp import LogMel
from voxduct.errors import InferenceError, ModelError
from voxduct.onnx.whisper import OnnxWhisper, load_recogniser, silence_of
from voxduct.onnx.whisper_encoding import STATES
from voxduct.onnx.whisper_files import find_graphs, is_multilingual, read_decoding

END, START, NO_TIMESTAMPS = 256, 257, 261
SUPPRESSED = [START, 258, 259, 260, NO_TIMESTAMPS, 262, 33]
RNG = np.random.default_rng(0)
CLIPS = [(RNG.standard_normal(480_000) * level).astype(np.float32) for level in (0.3, 0.1, 0.03, 0.01, 0.001)]
ROOM = DecodingOptions(suppress=tuple(SUPPRESSED), begin_suppress=(32, END), max_tokens=20, max_tokens_per_s=100.0)


def make_torch_whisper() -> WhisperForConditionalGeneration:
    torch.manual_seed(3)
    torch.set_num_threads(1)
    config = WhisperConfig(
        vocab_size=263, d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, num_mel_bins=80, max_target_positions=64,
        pad_token_id=END, bos_token_id=END, eos_token_id=END, decoder_start_token_id=START,
        suppress_tokens=SUPPRESSED, begin_suppress_tokens=[32, END], init_std=0.3, attn_implementation="eager",
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config).eval()
    generation = model.generation_config
    generation.suppress_tokens, generation.begin_suppress_tokens = SUPPRESSED, [32, END]
    generation.decoder_start_token_id, generation.eos_token_id, generation.pad_token_id = START, END, END
    generation.max_length, generation.is_multilingual = 64, False
    return model


@pytest.fixture(scope="session")
def torch_whisper() -> WhisperForConditionalGeneration:
    return make_torch_whisper()


@pytest.fixture(scope="session")
def exported(torch_whisper: WhisperForConditionalGeneration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as optimum makes it: merged decoder, plain decoder and decoder with past, 30-s encoder."""
    from optimum.exporters.onnx import onnx_export_from_model

    folder = tmp_path_factory.mktemp("whisper")
    onnx_export_from_model(torch_whisper, folder, task="automatic-speech-recognition-with-past", do_validation=False)
    (folder / "onnx").mkdir(exist_ok=True)
    for graph in folder.glob("*.onnx"):
        graph.rename(folder / "onnx" / graph.name)
    torch_whisper.config.save_pretrained(folder)
    torch_whisper.generation_config.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def whisper(exported: Path) -> OnnxWhisper:
    return OnnxWhisper(exported)


def decoded(whisper: OnnxWhisper, folder: Path, clip: np.ndarray, forced: tuple[int, ...] = ()) -> Decoded:
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    encoding = whisper.encode(LogMel(80).compute(clip))
    rules = text_rules(tokenizer, ROOM)
    return greedy(whisper, encoding, Request.of_text(tokenizer, ROOM, rules, tokenizer.prompt(None), clip.size, forced))


def expected_tokens(model: WhisperForConditionalGeneration, clip: np.ndarray) -> list[int]:
    features = WhisperFeatureExtractor(feature_size=80)(clip, sampling_rate=16_000, return_tensors="pt")
    made = model.generate(
        features.input_features,
        decoder_input_ids=torch.tensor([[START, NO_TIMESTAMPS]]),
        max_new_tokens=20,
        do_sample=False,
        num_beams=1,
    )
    tokens: list[int] = made[0].tolist()
    while tokens and tokens[0] in (START, NO_TIMESTAMPS):
        tokens.pop(0)
    return tokens[: tokens.index(END)] if END in tokens else tokens


@pytest.mark.parametrize("clip", CLIPS, ids=["0.3", "0.1", "0.03", "0.01", "0.001"])
def test_whisper_greedy_tokens_equal_those_of_transformers(
    clip: np.ndarray,
    whisper: OnnxWhisper,
    exported: Path,
    torch_whisper: WhisperForConditionalGeneration,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("voxduct.asr.decode.greedy.LOOPS", ())  # random weights love loops
    expected = expected_tokens(torch_whisper, clip)
    assert len(expected) > 2
    assert list(decoded(whisper, exported, clip).tokens) == expected


def test_whisper_forced_prefix_is_continued_as_if_it_had_been_decoded(
    whisper: OnnxWhisper, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxduct.asr.decode.greedy.LOOPS", ())
    free = decoded(whisper, exported, CLIPS[0])
    forced = decoded(whisper, exported, CLIPS[0], free.tokens[:5])
    assert forced.tokens == free.tokens
    np.testing.assert_allclose(forced.logprobs[5:], free.logprobs[5:], atol=1e-4)


def test_whisper_separate_decoders_equal_the_merged_one(
    whisper: OnnxWhisper, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxduct.asr.decode.greedy.LOOPS", ())
    shutil.copytree(exported, tmp_path, dirs_exist_ok=True)
    (tmp_path / "onnx" / "decoder_model_merged.onnx").unlink()
    separate = OnnxWhisper(tmp_path)
    assert separate.graphs.decoder_with_past is not None
    assert whisper.graphs.decoder_with_past is None
    assert decoded(separate, exported, CLIPS[1]).tokens == decoded(whisper, exported, CLIPS[1]).tokens


def test_whisper_shorter_window_is_padded_and_counts_its_own_frames(whisper: OnnxWhisper) -> None:
    assert not whisper.dynamic
    encoding = whisper.encode(LogMel(80).compute(CLIPS[0][:16_000]))
    assert whisper.num_frames(encoding) == 50
    assert encoding.outputs[STATES].shape()[1] == 1_500


@pytest.mark.parametrize("level", [1.0, 0.0])
def test_silence_after_a_window_looks_as_whisper_pads_it(level: float) -> None:
    clip = CLIPS[0][:160_000] * np.float32(level)
    padded = WhisperFeatureExtractor(feature_size=80)(clip, sampling_rate=16_000, return_tensors="np").input_features[0]
    np.testing.assert_allclose(padded[:, 1_002:], silence_of(LogMel(80).compute(clip)), atol=1e-4)


def test_whisper_window_longer_than_30_s_is_refused(whisper: OnnxWhisper) -> None:
    with pytest.raises(InferenceError, match="3001"):
        whisper.encode(np.zeros((80, 3_001), np.float32))


def test_whisper_states_over_one_encoding_are_independent(whisper: OnnxWhisper) -> None:
    encoding = whisper.encode(LogMel(80).compute(CLIPS[0]))
    first, second = whisper.new_state(encoding), whisper.new_state(encoding)
    whisper.decode([START, NO_TIMESTAMPS, 5, 6], first)
    together = whisper.decode([START, NO_TIMESTAMPS, 5, 6], second).logits
    third = whisper.new_state(encoding)
    apart = [whisper.decode([START, NO_TIMESTAMPS], third).logits, whisper.decode([5, 6], third).logits]
    np.testing.assert_allclose(np.concatenate(apart), together, atol=1e-4)


def test_whisper_rows_of_a_batch_are_independent_and_can_be_reordered(whisper: OnnxWhisper) -> None:
    encodings = [whisper.encode(LogMel(80).compute(clip)) for clip in CLIPS[:2]]
    alone = [whisper.new_state(encoding) for encoding in encodings]
    together = whisper.new_batch(encodings)
    first = [whisper.decode([START, 5 + i], state).logits for i, state in enumerate(alone)]
    np.testing.assert_allclose(
        whisper.decode_batch(np.array([[START, 5], [START, 6]]), together).logits, first, atol=1e-4
    )
    whisper.select([1, 0, 1], together)
    second = [whisper.decode([7], state).logits for state in alone]
    step = whisper.decode_batch(np.array([[7], [7], [7]]), together)
    np.testing.assert_allclose(step.logits, [second[1], second[0], second[1]], atol=1e-4)


def test_whisper_separate_decoders_batch_as_the_merged_one(
    whisper: OnnxWhisper, exported: Path, tmp_path: Path
) -> None:
    shutil.copytree(exported, tmp_path, dirs_exist_ok=True)
    (tmp_path / "onnx" / "decoder_model_merged.onnx").unlink()
    steps = []
    for model in (whisper, OnnxWhisper(tmp_path)):
        state = model.new_batch([model.encode(LogMel(80).compute(clip)) for clip in CLIPS[:2]])
        model.decode_batch(np.array([[START, 5], [START, 6]]), state)
        model.select([1, 1, 0], state)
        steps.append(model.decode_batch(np.array([[7, 8], [9, 8], [7, 8]]), state).logits)
    np.testing.assert_allclose(steps[0], steps[1], atol=1e-4)


def test_whisper_state_of_another_model_is_refused(whisper: OnnxWhisper) -> None:
    with pytest.raises(TypeError):
        whisper.decode([START], object())


def test_load_recogniser_reads_the_rules_of_the_folder(exported: Path) -> None:
    recogniser = load_recogniser(exported, asr_options=AsrOptions(update_ms=700))
    assert not recogniser.multilingual
    assert recogniser.options.update_ms == 700
    heard = recogniser.recognise(Window(CLIPS[0][:32_000], 100, (), None, 0))
    assert heard.language == "en"
    assert all(100 <= word.word.start <= word.word.end <= 32_100 for word in heard.words)


@pytest.mark.parametrize(("told", "expected"), [({}, 12.0), ({"max_window_s": 6, "other": 1}, 6.0)])
def test_load_recogniser_takes_the_windows_that_suit_the_model(
    exported: Path, tmp_path: Path, told: dict[str, float], expected: float
) -> None:
    folder = _with_streaming(exported, tmp_path, told)
    assert load_recogniser(folder).options.max_window_s == expected
    assert load_recogniser(folder, asr_options=AsrOptions(max_window_s=9.0)).options.max_window_s == 9.0


def test_load_recogniser_takes_the_policy_and_delay_that_suit_the_model(exported: Path, tmp_path: Path) -> None:
    options = load_recogniser(_with_streaming(exported, tmp_path, {"policy": "align_att", "delay_ms": 1000})).options
    assert options == AsrOptions(policy=StreamingPolicy.ALIGN_ATT).with_delay(1000)
    assert load_recogniser(exported).options.policy is StreamingPolicy.LOCAL_AGREEMENT


@pytest.mark.parametrize(
    "told",
    [{"max_window_s": "long"}, {"keep_window_s": None}, {"policy": "guess"}, {"delay_ms": 50}, {"delay_ms": "soon"}],
)
def test_load_recogniser_streaming_that_cannot_be_is_named(
    exported: Path, tmp_path: Path, told: dict[str, object]
) -> None:
    with pytest.raises(ModelError, match="streaming"):
        load_recogniser(_with_streaming(exported, tmp_path, told))


def _with_streaming(exported: Path, tmp_path: Path, told: object) -> Path:
    folder = Path(shutil.copytree(exported, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "streaming": told}))
    return folder


def test_find_graphs_prefers_the_precision_asked_for(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    for stem in ("encoder_model", "decoder_model_merged"):
        for suffix in ("", "_int8", "_fp16"):
            (tmp_path / "onnx" / f"{stem}{suffix}.onnx").touch()
    names = {p: find_graphs(tmp_path, p).encoder.name for p in (None, "fp32", "fp16", "q4")}
    assert names == {
        None: "encoder_model_int8.onnx",
        "fp32": "encoder_model.onnx",
        "fp16": "encoder_model_fp16.onnx",
        "q4": "encoder_model_int8.onnx",
    }


def test_find_graphs_folder_without_any_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="decoder_model_merged"):
        find_graphs(tmp_path)


@pytest.mark.parametrize(
    ("generation", "expected"),
    [({"is_multilingual": True}, True), ({"lang_to_id": {}}, True), ({}, False), ({"is_multilingual": False}, False)],
)
def test_is_multilingual_reads_the_generation_config(
    tmp_path: Path, generation: dict[str, Any], expected: bool
) -> None:
    (tmp_path / "generation_config.json").write_text(json.dumps(generation))
    assert is_multilingual(tmp_path) is expected


def test_read_decoding_takes_suppressed_tokens_and_length(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"max_target_positions": 64, "suppress_tokens": None}))
    (tmp_path / "generation_config.json").write_text(json.dumps({"suppress_tokens": [1, 2]}))
    options = read_decoding(tmp_path)
    assert (options.suppress, options.begin_suppress, options.max_tokens) == ((1, 2), (), 56)


def test_read_decoding_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json"):
        read_decoding(tmp_path)
