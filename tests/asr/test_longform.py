"""The sequential algorithm, against transformers and on its own."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor

from tests.asr.families import PROMPT, Pair, make_clips
from voxduct.asr.options import AsrOptions
from voxduct.asr.recogniser import Recogniser
from voxduct.asr.recordings.longform import LongFormOptions, transcribe_sequentially
from voxduct.asr.recordings.segments import Segment
from voxduct.audio import Samples
from voxduct.models import Floats

TOKENS = 24
FOUR_WINDOWS = 70.0  # seconds


def recording(seed: int) -> Samples:
    """Sounds over steady noise, so that the same 80 dB are kept in every window."""
    clips = make_clips(8, FOUR_WINDOWS / 8, seed)
    base = 0.003 * np.random.default_rng(seed).standard_normal(int(FOUR_WINDOWS * 16_000))
    joined = np.concatenate(clips)
    return (base[: joined.size] + joined).astype(np.float32)


def expected(pair: Pair, samples: Samples, *, condition: bool, prompt: bool) -> list[tuple[float, float, list[int]]]:
    """By transformers: start, end and tokens of each segment."""
    features = WhisperFeatureExtractor(feature_size=pair.family.mels)(
        samples, sampling_rate=16_000, truncation=False, padding="longest", return_tensors="pt"
    ).input_features
    asked = {"language": "de", "task": "transcribe"} if pair.family.multilingual else {}
    with torch.no_grad():
        made = pair.torch_model.generate(
            features, max_new_tokens=TOKENS, return_timestamps=True, return_segments=True,
            suppress_tokens=[*pair.torch_model.generation_config.suppress_tokens, pair.family.token("endoftext")],
            condition_on_prev_tokens=condition, prompt_ids=torch.tensor(pair.previous()) if prompt else None, **asked,
        )  # fmt: skip
    duration = samples.size / 16_000
    found = [
        (min(float(one["start"]), duration), min(float(one["end"]), duration), one["tokens"].tolist())
        for one in made["segments"][0]
    ]
    begin = pair.family.token("notimestamps") + 1
    return [(start, end, without_double(tokens, begin)) for start, end, tokens in found]


def without_double(tokens: list[int], begin: int) -> list[int]:
    """Transformers leaves the next segment's first timestamp at the end of a window's last one."""
    doubled = len(tokens) > 2 and tokens[-1] >= begin and tokens[-2] >= begin
    return tokens[:-1] if doubled else tokens


def heard(
    pair: Pair, samples: Samples, options: LongFormOptions, *, prompt: str = "", block: int = 100_000
) -> list[Segment]:
    asr = AsrOptions(language="de", prompt=prompt, final_tail_ms=0, min_window_ms=0)
    decoding = pair.recogniser.decoding
    suppress = (*decoding.suppress, pair.family.token("endoftext"))  # long texts have more segments
    decoding = replace(decoding, suppress=suppress, temperatures=(0.0,), min_logprob=-1e9, max_tokens=TOKENS)
    recogniser = Recogniser(pair.recogniser.model, pair.recogniser.tokenizer, asr, decoding)
    blocks = (samples[i : i + block] for i in range(0, samples.size, block))
    return list(transcribe_sequentially(recogniser, blocks, options))


def silence_as_transformers_pads(log_mel: Floats) -> float:
    return 0.0


@pytest.mark.parametrize(("condition", "prompt"), [(False, False), (True, False), (True, True)])
def test_sequential_segments_equal_those_of_transformers(
    pair: Pair, condition: bool, prompt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxduct.onnx.whisper.silence_of", silence_as_transformers_pads)
    samples = recording(1)
    wanted = expected(pair, samples, condition=condition, prompt=prompt)
    text = PROMPT if prompt else ""
    segments = heard(pair, samples, LongFormOptions(condition_on_previous=condition), prompt=text)
    found = [(one.start / 16_000, one.end / 16_000, list(one.tokens)) for one in segments]
    assert found == [
        (pytest.approx(start, abs=1e-6), pytest.approx(end, abs=1e-6), tokens) for start, end, tokens in wanted
    ]
    assert len(wanted) > 4


def test_sequential_any_blocks_give_the_same_segments(pair: Pair) -> None:
    samples = recording(2)[: 45 * 16_000]
    options = LongFormOptions()
    whole = heard(pair, samples, options, block=samples.size)
    assert heard(pair, samples, options, block=7_777) == whole
    assert all(one.start <= one.end <= samples.size for one in whole)
    assert all(0 <= word.probability <= 1 for one in whole for word in one.words)
    words = [word for one in whole for word in one.words]
    assert all(before.start <= after.start for before, after in pairwise(words))


def test_sequential_silence_has_no_segments(pair: Pair) -> None:
    assert heard(pair, np.zeros(40 * 16_000, np.float32), LongFormOptions()) == []
