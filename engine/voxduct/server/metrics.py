"""What the server counts and measures, for `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from voxduct.models import JobKind
from voxduct.server.clock import Clock

LATENCY_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)  # seconds
JOB_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # seconds
# Seconds; narrow around 20 ms, one frame of speech, which a healthy loop stays under.
LAG_BUCKETS = (0.001, 0.002, 0.005, 0.0075, 0.01, 0.0125, 0.015, 0.0175, 0.02, 0.025, 0.03, 0.05, 0.1, 0.5, 1.0)
LAG_PROBE_S = 0.1
ENGINE_COUNTERS = {  # what the engine counts -> help, and the label of its parts
    "gate": ("Runs of sound refused and windows not believed, by the layer of the hallucination gate", "layer"),
    "speculations": ("Final passes begun in a pause, by what became of them", "outcome"),
}


class Metrics:
    """One server's numbers, in a registry of their own. Safe to use from any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sessions = self._gauge("sessions", "Sessions open now")
        self.ended = self._counter("sessions_ended", "Sessions ended", "how")
        self.refused = self._counter("refused", "Connections refused before a session", "code")
        self.errors = self._counter("errors", "Errors told to clients", "code")
        self.audio_seconds = self._counter("audio_seconds", "Audio heard, in seconds")
        self.speech_seconds = self._counter("speech_seconds", "Speech sent, in seconds")
        self.utterances = self._counter("utterances", "Utterances finished", "heard_by")
        self.commit_latency = self._histogram(
            "commit_latency_seconds", "A word's end was received -> it was committed", LATENCY_BUCKETS
        )
        self.final_latency = self._histogram(
            "final_latency_seconds", "The last speech sample was received -> final", LATENCY_BUCKETS
        )
        self.voices_made = self._counter("voices_made", "Voices made from clips")
        self.first_audio = self._histogram(
            "first_audio_seconds", "`say` was received -> its first speech was sent", LATENCY_BUCKETS
        )
        self.job_queue = self._histogram("job_queue_seconds", "A job waited for a thread", JOB_BUCKETS, "kind")
        self.job_run = self._histogram("job_run_seconds", "A job ran", JOB_BUCKETS, "kind")
        self.job_failures = self._counter("job_failures", "Jobs that raised", "kind")
        self.loop_lag = self._histogram("event_loop_lag_seconds", "The event loop was late by", LAG_BUCKETS)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"voxduct_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"voxduct_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"voxduct_{name}", text, labels, buckets=buckets, registry=self.registry)

    def job_ran(self, kind: JobKind, queued_s: float, ran_s: float, failed: bool) -> None:
        """A job ran (the scheduler's `JobWatcher`)."""
        self.job_queue.labels(kind.name.lower()).observe(queued_s)
        self.job_run.labels(kind.name.lower()).observe(ran_s)
        if failed:
            self.job_failures.labels(kind.name.lower()).inc()

    def watch_queue(self, queue_delay: Callable[[], float]) -> None:
        """Shows the scheduler's queue delay."""
        self._gauge("queue_delay_seconds", "Wait of a job for a thread nowadays").set_function(queue_delay)

    def watch_counters(self, counters: Callable[[], Mapping[str, Mapping[str, int]]]) -> None:
        """Shows what the engine counts: the names of `ENGINE_COUNTERS`."""
        self.registry.register(_EngineCounters(counters))

    async def measure_loop(self, clock: Clock) -> None:
        """Measures how late the event loop is, until cancelled."""
        while True:
            before = clock.now()
            await asyncio.sleep(LAG_PROBE_S)
            self.loop_lag.observe(max(0.0, clock.now() - before - LAG_PROBE_S))

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)


class _EngineCounters(Collector):
    def __init__(self, counters: Callable[[], Mapping[str, Mapping[str, int]]]) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        for name, counts in self._counters().items():
            text, label = ENGINE_COUNTERS[name]
            family = CounterMetricFamily(f"voxduct_{name}", text, labels=[label])
            for part, count in counts.items():
                family.add_metric([part], float(count))
            yield family
