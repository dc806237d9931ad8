"""Reads a server's `/metrics`: the few figures that benchmarks compare before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

HEARING_JOBS = ("vad", "update", "final")
SPEAKING_JOBS = ("speech",)
LOOP_LAG = "voxduct_event_loop_lag_seconds_bucket"
JOB_SECONDS = "voxduct_job_run_seconds_sum"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ServerMetrics:
    """All samples of one reading; subtract an earlier reading to get what happened between."""

    values: Mapping[tuple[str, Labels], float]

    @classmethod
    def parse(cls, text: str) -> ServerMetrics:
        """Reads the exposition format."""
        families = text_string_to_metric_families(text)
        samples = [sample for family in families for sample in family.samples]
        return cls({(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples})

    def __sub__(self, earlier: ServerMetrics) -> ServerMetrics:
        return ServerMetrics({key: value - earlier.values.get(key, 0.0) for key, value in self.values.items()})

    def total(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        wanted = set(labels.items())
        return sum(value for (found, has), value in self.values.items() if found == name and wanted <= set(has))

    def quantile(self, bucket: str, share: float) -> float | None:
        """The smallest bucket limit that `share` (0 to 1) of a histogram's values do not exceed; None when empty."""
        limits = sorted(
            (float(dict(labels)["le"]), value) for (name, labels), value in self.values.items() if name == bucket
        )
        if not limits or limits[-1][1] <= 0:
            return None
        return next(limit for limit, count in limits if count >= share * limits[-1][1])

    @property
    def rtf_asr(self) -> float | None:
        """Seconds of hearing jobs per second of audio heard."""
        return self._rtf(HEARING_JOBS, "voxduct_audio_seconds_total")

    @property
    def rtf_tts(self) -> float | None:
        """Seconds of speaking jobs per second of speech sent."""
        return self._rtf(SPEAKING_JOBS, "voxduct_speech_seconds_total")

    def _rtf(self, kinds: tuple[str, ...], audio: str) -> float | None:
        seconds = self.total(audio)
        return sum(self.total(JOB_SECONDS, kind=kind) for kind in kinds) / seconds if seconds > 0 else None
