"""Reading `/metrics`, percentiles, the machine card, and what counts as a runaway."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from voxduct.bench.bundled import demo_clips, sentence_lists
from voxduct.bench.live import Spoken
from voxduct.bench.local_server import Address
from voxduct.bench.results import keep, machine_card, milliseconds, percentile
from voxduct.bench.scoring import align
from voxduct.bench.server_metrics import LOOP_LAG, ServerMetrics
from voxduct.bench.tts import Reading, runaway, truncated
from voxduct.errors import MessageError

METRICS = """\
# TYPE voxduct_audio_seconds counter
voxduct_audio_seconds_total 20.0
# TYPE voxduct_job_run_seconds histogram
voxduct_job_run_seconds_bucket{kind="update",le="+Inf"} 3.0
voxduct_job_run_seconds_sum{kind="update"} 4.0
voxduct_job_run_seconds_count{kind="update"} 3.0
voxduct_job_run_seconds_bucket{kind="final",le="+Inf"} 1.0
voxduct_job_run_seconds_sum{kind="final"} 1.0
voxduct_job_run_seconds_count{kind="final"} 1.0
voxduct_job_run_seconds_bucket{kind="speech",le="+Inf"} 1.0
voxduct_job_run_seconds_sum{kind="speech"} 9.0
voxduct_job_run_seconds_count{kind="speech"} 1.0
# TYPE voxduct_event_loop_lag_seconds histogram
voxduct_event_loop_lag_seconds_bucket{le="0.001"} 90.0
voxduct_event_loop_lag_seconds_bucket{le="0.01"} 99.0
voxduct_event_loop_lag_seconds_bucket{le="+Inf"} 100.0
voxduct_event_loop_lag_seconds_count 100.0
voxduct_event_loop_lag_seconds_sum 1.0
"""


def test_real_time_factors_divide_job_seconds_by_audio() -> None:
    metrics = ServerMetrics.parse(METRICS)
    assert metrics.rtf_asr == pytest.approx(0.25)
    assert metrics.rtf_tts is None
    assert (metrics - metrics).rtf_asr is None


@pytest.mark.parametrize(("share", "limit"), [(0.5, 0.001), (0.99, 0.01), (1.0, float("inf"))])
def test_quantile_is_a_bucket_limit(share: float, limit: float) -> None:
    assert ServerMetrics.parse(METRICS).quantile(LOOP_LAG, share) == limit


def test_percentiles_of_nothing_are_nothing() -> None:
    assert percentile([], 50) is None
    assert milliseconds([], 95) is None
    assert milliseconds([0.1, 0.2, 0.3], 50) == 200


def test_results_are_kept_with_their_machine(tmp_path: Path) -> None:
    path = keep(tmp_path / "results", "wer", {"wer": 0.1}, machine_card())
    document = json.loads(path.read_text())
    assert path.name.endswith("-wer.json")
    assert document["figures"] == {"wer": 0.1}
    assert {"cpu", "cores", "python", "packages", "commit"} <= set(document["machine"])


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "127.0.0.1:80"])
def test_address_is_read(url: str) -> None:
    assert Address.parse(url).stream == "ws://127.0.0.1:80/v1/stream"


def test_address_without_a_port_is_refused() -> None:
    with pytest.raises(MessageError, match="HOST:PORT"):
        Address.parse("http://localhost")


def reading(text: str, phones: int, seconds: float) -> Reading:
    spoken = Spoken(np.zeros(round(seconds * 16_000), np.float32), 16_000, (), 1.0, "completed")
    return Reading("hard", text, text, phones, spoken)


@pytest.mark.parametrize(
    ("said", "heard", "phones", "seconds", "expected"),
    [
        ("good morning", "good morning", 10, 1.0, (False, False)),
        ("good morning", "good morning", 10, 5.0, (True, False)),  # 3.5 s is the most for ten phones
        ("good morning", "good morning", 10, 0.2, (False, True)),
        ("no no no no no no", "no no no no no no no no no", 10, 1.0, (True, False)),
        ("antidisestablishmentarianism", "auntie this establish meant aryanism", 27, 3.0, (False, False)),
        ("a b c d", "a b", 10, 1.0, (False, True)),
        ("a b c d", "a b c", 10, 1.0, (False, False)),  # one lost word may be the recogniser's fault
    ],
)
def test_runaways_and_truncations(
    said: str, heard: str, phones: int, seconds: float, expected: tuple[bool, bool]
) -> None:
    one, alignment = reading(said, phones, seconds), align(said.split(), heard.split())
    assert (runaway(one, heard), truncated(one, alignment)) == expected


def test_bundled_material_is_complete() -> None:
    clips = demo_clips()
    assert len(clips) == 10
    assert all(clip.word_ends and clip.word_ends[-1] is not None for clip in clips)
    assert {name: len(texts) for name, texts in sentence_lists().items()} == {"heldout": 100, "hard": 50}
