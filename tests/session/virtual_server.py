"""A server's dialogues, its queue and its pace, in virtual time: jobs take as long as they are told to."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tests.fakes_hearing import FakeVad
from voxduct.asr.hypothesis import HeardWord
from voxduct.asr.options import AsrOptions
from voxduct.asr.recogniser import Heard, Recogniser, Window
from voxduct.audio import SAMPLE_RATE, float_to_pcm16
from voxduct.events import CommittedText, Event, FinalText, PartialText, SpeechStopped, Word
from voxduct.models import Job, JobKind
from voxduct.server.dialogue import Dialogue
from voxduct.server.engine_backend import EngineBackend
from voxduct.server.job_queue import JobQueue, Ticket
from voxduct.server.limits import Limits
from voxduct.server.metrics import Metrics
from voxduct.server.pace import Pace, UpdateGate
from voxduct.server.scheduler import OBSERVED_S, SPARE_UPDATES, Lane, run_together
from voxduct.session import Engine, SessionOptions

WORD = 4_000  # samples: four words a second
CHUNK_S = 0.32
SPEECH_S, PAUSE_S = 3.2, 0.64


class Steady(Recogniser):
    """Hears a word in every quarter of a second that it is given as a whole."""

    def __init__(self) -> None:
        self.options = AsrOptions()
        self.multilingual = False

    def recognise(self, window: Window) -> Heard:
        first, last = -(-window.start // WORD) + len(window.forced), (window.start + window.samples.size) // WORD
        words = [Word(str(i), i * WORD, (i + 1) * WORD, 0.5) for i in range(first, last)]
        return Heard(tuple(HeardWord(word, (i,)) for i, word in enumerate(words)), "en")


@dataclass(frozen=True)
class Costs:
    """Seconds."""

    update: float
    final: float
    vad_frame: float = 0.0003

    def of(self, job: Job) -> float:
        match job.kind:
            case JobKind.VAD:
                return self.vad_frame * job.audio_samples / FakeVad.frame_size
            case JobKind.UPDATE:
                return self.update
            case _:
                return self.final if job.audio_samples else 0.0


@dataclass
class Talker:
    """One client and its dialogue."""

    dialogue: Dialogue
    lane: Lane
    began: float
    """Second at which its first sample was spoken."""
    said: list[tuple[float, Event]] = field(default_factory=list)

    def at(self, position: int) -> float:
        """When the sample was spoken."""
        return self.began + position / SAMPLE_RATE

    def finals(self) -> list[tuple[float, FinalText]]:
        return [(now, event) for now, event in self.said if isinstance(event, FinalText)]

    def final_lags(self) -> list[tuple[float, float]]:
        """When each final text came, and how long after its utterance's end was to be decided."""
        decided = {
            event.utterance: self.at(event.decided) for _, event in self.said if isinstance(event, SpeechStopped)
        }
        return [(now, now - decided[event.utterance]) for now, event in self.finals()]

    def heard_lags(self) -> list[tuple[float, float]]:
        """When each update came, and how long ago the last of what it heard was spoken."""
        return [(now, now - self.at(event.end)) for now, event in self.said if isinstance(event, PartialText)]

    def committed(self) -> dict[int, list[int]]:
        words: dict[int, list[int]] = {}
        for _, event in self.said:
            if isinstance(event, CommittedText):
                words.setdefault(event.utterance, []).extend(int(word.text) for word in event.words)
        return words


class VirtualServer:
    """Talkers who never stop, and `workers` threads that share one queue; nothing waits."""

    def __init__(self, talkers: int, workers: int, costs: Costs) -> None:
        self.now = 0.0
        self.ran: Counter[JobKind] = Counter()
        self.computed_s = 0.0
        self.stretches: list[float] = []
        self._costs = costs
        self._free = workers
        self.queue: JobQueue[Lane] = JobQueue(workers)
        self.pace = Pace()
        self._gate: UpdateGate[Lane] = UpdateGate(workers + SPARE_UPDATES, self.pace)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order: Iterator[int] = itertools.count()
        self._backend = EngineBackend(Engine(FakeVad(), Steady()), SessionOptions())
        self._metrics = Metrics()
        self.talkers = [self._talker(number * 0.37) for number in range(talkers)]

    # --- what a lane needs

    def ticket(self, job: Job, lane: Lane) -> Ticket[Lane]:
        return self.queue.ticket(job, lane, self.now)

    def enqueue(self, ticket: Ticket[Lane]) -> None:
        if ticket.kind is JobKind.UPDATE:
            self._gate.entered()
        self.queue.put(ticket)

    def want_update(self, lane: Lane, wanted: bool) -> None:
        self._gate.want(lane, wanted, self.now)
        self._give_turns()

    def _give_turns(self) -> None:
        while (lane := self._gate.next(self.now)) is not None:
            lane.take_turn()

    # --- time

    def run(self, seconds: float) -> None:
        """Everybody talks for so long, then stops and is answered to the end."""
        for talker in self.talkers:
            self._at(talker.began, lambda talker=talker: self._talk(talker, 0, seconds))  # type: ignore[misc]
        self._at(OBSERVED_S, lambda: self._observe(seconds))
        while self._due:
            self.now, _, act = heapq.heappop(self._due)
            act()
            self._start_jobs()

    def _observe(self, until: float) -> None:
        self.pace.observe(self.queue.busy(self.now, OBSERVED_S))
        self.stretches.append(self.pace.stretch)
        if self.now < until:
            self._at(self.now + OBSERVED_S, lambda: self._observe(until))

    def _at(self, time: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time, next(self._order), act))

    def _talk(self, talker: Talker, position: int, seconds: float) -> None:
        """Chunks come when their last sample was spoken."""
        if position:
            talker.dialogue.receive(TAPE[position % (len(TAPE) * CHUNK) // CHUNK])
        if position >= seconds * SAMPLE_RATE:
            talker.dialogue.receive('{"type": "stop"}')
        else:
            self._at(talker.at(position + CHUNK), lambda: self._talk(talker, position + CHUNK, seconds))
        self._read(talker)

    def _start_jobs(self) -> None:
        while self._free and (tickets := self.queue.take(self.now)):
            self._free -= 1
            seconds = sum(self._costs.of(ticket.job) for ticket in tickets)
            self._at(self.now + seconds, lambda tickets=tickets, seconds=seconds: self._finish(tickets, seconds))  # type: ignore[misc]

    def _finish(self, tickets: list[Ticket[Lane]], seconds: float) -> None:
        self._free += 1
        self.computed_s += seconds
        self.ran[tickets[0].kind] += len(tickets)
        self.queue.ran(tickets[0].kind, seconds, self.now)
        results = run_together([ticket.job for ticket in tickets])
        for ticket, result in zip(tickets, results, strict=True):
            if ticket.kind is JobKind.UPDATE:
                self._gate.left()
            ticket.owner.deliver(ticket.job, result)
        self._give_turns()

    def _talker(self, began: float) -> Talker:
        lane = Lane(self, lambda job, result: dialogue.receive_result(job, result), lambda: dialogue.take_turn())
        said: list[tuple[float, Event]] = []
        dialogue = Dialogue(
            f"{began}",
            self._backend,
            Limits(),
            self._metrics,
            submit=lane.submit,
            now=lambda: self.now,
            observe=lambda event: said.append((self.now, event)),
            want_update=lane.want_update,
            relaxed=lambda: self.pace.relaxed,
        )
        dialogue.receive('{"type": "start"}')
        return Talker(dialogue, lane, began, said)

    def _read(self, talker: Talker) -> None:
        """The client takes what waits for it."""
        while talker.dialogue.next_message() is not None:
            talker.dialogue.sent()


CHUNK = round(CHUNK_S * SAMPLE_RATE)


def _tape() -> list[bytes]:
    """One phrase and its pause, in chunks."""
    time = np.arange(round(SPEECH_S * SAMPLE_RATE)) / SAMPLE_RATE
    speech = 0.3 * np.sin(2 * np.pi * 300 * time)
    audio = np.concatenate([speech, np.zeros(round(PAUSE_S * SAMPLE_RATE))]).astype(np.float32)
    pcm = float_to_pcm16(audio).astype("<i2").tobytes()
    return [pcm[begin : begin + 2 * CHUNK] for begin in range(0, len(pcm), 2 * CHUNK)]


TAPE = _tape()
