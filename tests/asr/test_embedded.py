"""The embedded recogniser behind the real VAD, as a session runs them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxduct.asr.live.stream import AsrOptions, AsrStream, Recogniser
from voxduct.asr.options import StreamingPolicy
from voxduct.asr.recogniser import Window
from voxduct.audio import Samples
from voxduct.dsp import Resampler
from voxduct.events import CommittedText, Event, FinalText, SpeechStarted, SpeechStopped
from voxduct.onnx.silero import SileroVad
from voxduct.onnx.whisper import load_recogniser
from voxduct.vad import VadOptions, VadStage

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def embedded() -> Recogniser:
    return load_recogniser(ROOT / "models_onnx" / "voxduct-tiny-en", asr_options=AsrOptions(coalesce=False))


@pytest.fixture(scope="module")
def demo() -> Samples:
    samples, rate = soundfile.read(ROOT / "benchmarks" / "data" / "demo" / "demo-00.opus", dtype="float32")
    resampler = Resampler(rate)
    return np.concatenate([resampler.feed(samples), resampler.flush(), np.zeros(8_000, np.float32)])


def test_embedded_model_follows_as_many_hypotheses_as_it_asks_for(embedded: Recogniser, tmp_path: Path) -> None:
    told = json.loads((ROOT / "models_onnx" / "voxduct-tiny-en" / "generation_config.json").read_text())
    assert embedded.decoding.beams == told["num_beams"] > 1
    shutil.copytree(ROOT / "models_onnx" / "voxduct-tiny-en", tmp_path, dirs_exist_ok=True)
    del told["num_beams"]
    (tmp_path / "generation_config.json").write_text(json.dumps(told))
    assert load_recogniser(tmp_path).decoding.beams == 1


def spans(samples: Samples) -> list[tuple[SpeechStarted, SpeechStopped]]:
    stage = VadStage(SileroVad(), VadOptions())
    stage.feed(samples)
    events: list[Event] = []
    while (job := stage.next_job()) is not None:
        events += stage.receive(job.run())
    events += stage.close_utterance()
    started = [event for event in events if isinstance(event, SpeechStarted)]
    stopped = [event for event in events if isinstance(event, SpeechStopped)]
    return list(zip(started, stopped, strict=True))


def followed(recogniser: Recogniser, samples: Samples, chunk: int) -> list[Event]:
    stream = AsrStream(recogniser, 0, 0)
    events: list[Event] = []
    for start in range(0, samples.size, chunk):
        stream.feed(samples[start : start + chunk])
        if start + chunk >= samples.size:
            stream.end(samples.size)
        while (job := stream.next_job()) is not None:
            events += stream.receive(job.run())
    return events


@pytest.mark.parametrize("level", [0.0, 0.001, 0.03, 0.3])
def test_vad_noise_is_never_speech(level: float) -> None:
    noise = np.random.default_rng(0).standard_normal(160_000) * level
    assert spans(noise.astype(np.float32)) == []


def test_vad_demo_recording_is_speech_for_most_of_its_length(demo: Samples) -> None:
    assert sum(stopped.end - started.start for started, stopped in spans(demo)) > 0.6 * demo.size


def test_stream_demo_recording_has_words_in_order_within_it(embedded: Recogniser, demo: Samples) -> None:
    events = followed(embedded, demo, demo.size)
    final = events[-1]
    assert isinstance(final, FinalText)
    committed = [word for event in events if isinstance(event, CommittedText) for word in event.words]
    assert list(final.words) == committed
    places = [place for word in final.words for place in (word.start, word.end)]
    assert places == sorted(places)
    assert all(0 <= place <= demo.size for place in places)


def test_stream_demo_recording_any_chunking_says_the_same(embedded: Recogniser, demo: Samples) -> None:
    assert followed(embedded, demo[:48_000], 512) == followed(embedded, demo[:48_000], 48_000)


def test_stream_demo_recording_by_attention_says_what_one_pass_over_all_of_it_says(
    embedded: Recogniser, demo: Samples
) -> None:
    by_attention = embedded.configured(replace(embedded.options, policy=StreamingPolicy.ALIGN_ATT))
    events = followed(by_attention, demo, demo.size)
    final = events[-1]
    assert isinstance(final, FinalText)
    commits = [event for event in events if isinstance(event, CommittedText)]
    assert len(commits) > 2
    assert [word for event in commits for word in event.words] == list(final.words)
    whole = embedded.recognise(Window(demo, 0, (), None, 9_600)).words
    assert final.text == " ".join(heard.word.text for heard in whole)


def test_recogniser_demo_recording_words_that_attention_calls_stable_stay(embedded: Recogniser, demo: Samples) -> None:
    by_attention = embedded.configured(replace(embedded.options, policy=StreamingPolicy.ALIGN_ATT))
    counts = []
    for end in range(16_000, 36_000, 4_000):
        heard = by_attention.recognise(Window(demo[:end], 0, (), None, 4_800))
        later = by_attention.recognise(Window(demo[: end + 8_000], 0, (), None, 4_800))
        assert heard.stable is not None
        stable = [word.word.text for word in heard.words[: heard.stable]]
        assert stable == [word.word.text for word in later.words[: heard.stable]]
        counts.append(heard.stable)
    assert counts == sorted(counts)
    assert 0 < counts[0] < counts[-1]
