"""Speech probabilities become spans of speech: where an utterance starts, and when it has ended.

    feed(samples) -> frames -> VadModel -> probability -> EnergyGate -> SpeechDetector -> SpeechStarted | SpeechStopped

Every position is a sample index since the session's start and lies on a frame's edge or at a point that was closed by
hand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import TypeAlias

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.errors import InferenceError, VoxductError
from voxduct.events import Event, Failed, SpeechStarted, SpeechStopped
from voxduct.models import Floats, Job, JobKind, SharedRun, SharedVadModel, VadModel
from voxduct.silence import SilenceMap

SAMPLES_PER_MS = SAMPLE_RATE // 1000
MAX_JOB_SAMPLES = 10 * SAMPLE_RATE  # audio judged by one job at most
SHRINKING_FROM = 0.75  # of the longest utterance: from here on ever shorter pauses end it
SHORTEST_HANGOVER_MS = 96  # the pause that ends an utterance of almost the greatest length
CUT_WINDOW_MS = 500  # an utterance without any pause is cut at its least speech-like place this near the end
SILENCE_DB = -120.0  # level given to digital silence

Spoken: TypeAlias = SpeechStarted | SpeechStopped


@dataclass(frozen=True, slots=True, kw_only=True)
class VadOptions:
    """When speech starts and when it ends."""

    threshold: float = 0.5
    """Probability from which a frame is speech."""
    release: float = 0.35
    """Probability below which a frame is silence; between the two nothing changes."""
    min_speech_ms: int = 96
    """Speech must last this long to start an utterance."""
    hangover_ms: int = 380
    """Silence must last this long to end an utterance."""
    pre_roll_ms: int = 300
    """Audio before the first speech frame that still belongs to the utterance, so that no onset is lost."""
    max_utterance_s: float = 20.0
    """An utterance that is longer is cut at its least speech-like place near the end."""
    min_level_db: float = -70.0
    """Frames quieter than this (RMS, dB of full scale) never start an utterance."""
    min_rise_db: float = 2.0
    """Frames must be this much louder than the background to start an utterance."""


class VadState(Enum):
    """Where the detector is."""

    QUIET = auto()
    STARTING = auto()
    SPEAKING = auto()
    STOPPING = auto()


class Refusal(StrEnum):
    """Why what the model called speech did not start an utterance: the first layers of the hallucination gate."""

    QUIET = "quiet"  # too quiet, or no louder than the background
    BRIEF = "brief"  # over too soon


class Level(Enum):
    """What one frame's probability says."""

    SILENCE = auto()
    UNSURE = auto()
    SPEECH = auto()


TRANSITIONS: dict[tuple[VadState, Level], VadState] = {
    (VadState.QUIET, Level.SILENCE): VadState.QUIET,
    (VadState.QUIET, Level.UNSURE): VadState.QUIET,
    (VadState.QUIET, Level.SPEECH): VadState.STARTING,
    (VadState.STARTING, Level.SILENCE): VadState.QUIET,
    (VadState.STARTING, Level.UNSURE): VadState.STARTING,
    (VadState.STARTING, Level.SPEECH): VadState.STARTING,  # SPEAKING once it has lasted `min_speech_ms`
    (VadState.SPEAKING, Level.SILENCE): VadState.STOPPING,
    (VadState.SPEAKING, Level.UNSURE): VadState.SPEAKING,
    (VadState.SPEAKING, Level.SPEECH): VadState.SPEAKING,
    (VadState.STOPPING, Level.SILENCE): VadState.STOPPING,  # QUIET once it has lasted `hangover_ms`
    (VadState.STOPPING, Level.UNSURE): VadState.STOPPING,
    (VadState.STOPPING, Level.SPEECH): VadState.SPEAKING,
}


class SpeechDetector:
    """The state machine: one probability per frame in, alternating SpeechStarted and SpeechStopped out."""

    def __init__(self, options: VadOptions, frame_size: int) -> None:
        self._options = options
        self._frame = frame_size
        self._max = int(options.max_utterance_s * SAMPLE_RATE)
        self._recent: deque[float] = deque(maxlen=max(1, CUT_WINDOW_MS * SAMPLES_PER_MS // frame_size))
        self._onset = 0  # where the first speech frame of this utterance began
        self._speech_end = 0  # where its last speech frame ended
        self._start = 0  # of the open utterance, pre-roll included
        self._free_from = 0  # audio before this belongs to earlier utterances
        self._utterance = 0
        self.silences = SilenceMap()
        """The frames that were judged silent; whoever asks says what may be forgotten."""
        self.state = VadState.QUIET
        self.position = 0
        """Samples judged so far."""

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open."""
        return self.state in (VadState.SPEAKING, VadState.STOPPING)

    @property
    def silent_since(self) -> int | None:
        """Where the open utterance ends if the silence that is on lasts; None while there is speech or no utterance."""
        return self._speech_end if self.state is VadState.STOPPING else None

    def feed(self, probability: float) -> list[Spoken]:
        """The next frame's speech probability, 0 to 1."""
        level = self._level(probability)
        began = self.position
        self.position += self._frame
        self._recent.append(probability)
        if level is Level.SILENCE:
            self.silences.add(began, self.position)
        before, self.state = self.state, TRANSITIONS[self.state, level]
        if before is VadState.QUIET and self.state is VadState.STARTING:
            self._onset = began
        if level is not Level.SILENCE and self.state in (VadState.STARTING, VadState.SPEAKING):
            self._speech_end = self.position
        return self._decide()

    def flush(self, unjudged: int = 0) -> list[Spoken]:
        """Ends the open utterance now. `unjudged` samples after `position` are its last when speech was still on."""
        if not self.speaking:
            self.state = VadState.QUIET
            return []
        heard = self.position + unjudged
        return [self._stop(heard if self.state is VadState.SPEAKING else self._speech_end, heard)]

    def _level(self, probability: float) -> Level:
        if probability >= self._options.threshold:
            return Level.SPEECH
        return Level.SILENCE if probability < self._options.release else Level.UNSURE

    def _decide(self) -> list[Spoken]:
        match self.state:
            case VadState.STARTING if self.position - self._onset >= self._options.min_speech_ms * SAMPLES_PER_MS:
                self.state = VadState.SPEAKING
                return [self._begin(self._onset - self._options.pre_roll_ms * SAMPLES_PER_MS)]
            case VadState.STOPPING if self.position - self._speech_end >= self._hangover():
                return [self._stop(self._speech_end, self.position)]
            case VadState.SPEAKING | VadState.STOPPING if self.position - self._start >= self._max:
                return self._cut()
            case _:
                return []

    def _hangover(self) -> int:
        """Samples of silence that end the utterance now; fewer as it nears the greatest length."""
        age = (self.position - self._start) / self._max
        shrunk = min(max((age - SHRINKING_FROM) / (1.0 - SHRINKING_FROM), 0.0), 1.0)
        longest = self._options.hangover_ms
        return int(longest - shrunk * max(longest - SHORTEST_HANGOVER_MS, 0)) * SAMPLES_PER_MS

    def _begin(self, start: int) -> SpeechStarted:
        self._start = max(start, self._free_from, 0)
        return SpeechStarted(self._utterance, self._start)

    def _stop(self, end: int, decided: int) -> SpeechStopped:
        stopped = SpeechStopped(self._utterance, max(end, self._start), decided)
        self._free_from = stopped.end
        self._utterance += 1
        self._recent.clear()
        self.state = VadState.QUIET
        return stopped

    def _cut(self) -> list[Spoken]:
        """Ends a too long utterance at the least speech-like frame of the last half second, and goes on from there."""
        state = self.state
        least = min(range(len(self._recent)), key=lambda i: (self._recent[i], -i))
        place = self.position - (len(self._recent) - 1 - least) * self._frame - self._frame // 2
        stopped = self._stop(place, self.position)
        self.state = state
        self._speech_end = max(self._speech_end, stopped.end)
        return [stopped, self._begin(stopped.end)]


class EnergyGate:
    """Says which frames are loud enough to start speech: above an absolute level and above the background.

    The background follows the quietest frames at once downwards and slowly upwards, so a steady noise of any level
    closes the gate within seconds while speech, with its gaps, does not.
    """

    RISE_DB_PER_S = 3.0

    def __init__(self, options: VadOptions, frame_size: int) -> None:
        self._options = options
        self._rise = self.RISE_DB_PER_S * frame_size / SAMPLE_RATE
        self._background = options.min_level_db

    def feed(self, level_db: float) -> bool:
        """The next frame's level in dB of full scale; whether it may start speech."""
        self._background = min(self._background + self._rise, max(level_db, self._options.min_level_db))
        return level_db >= max(self._background + self._options.min_rise_db, self._options.min_level_db)


def levels_db(frames: Floats) -> Floats:
    """RMS level of frames of shape [n, size] in dB of full scale, shape [n]."""
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    levels: Floats = (10.0 * np.log10(np.maximum(power, 10.0 ** (SILENCE_DB / 10.0)))).astype(np.float32)
    return levels


class VadStage:
    """Cuts a stream into frames, has them judged, and says where speech started and stopped.

    All whole frames that wait are judged by one job. Results do not depend on how the audio was cut into chunks.
    """

    def __init__(
        self, model: VadModel, options: VadOptions, refused: Callable[[Refusal], None] = lambda refusal: None
    ) -> None:
        """`refused` is told of every run of frames that the model called speech and that started nothing."""
        self._model = model
        self._options = options
        self._refused = refused
        self._refusing = False  # such a run, too quiet, is on
        self._together = model.probabilities_together if isinstance(model, SharedVadModel) else None
        self._state = model.new_state()
        self._frame = model.frame_size
        self._detector = SpeechDetector(options, model.frame_size)
        self._gate = EnergyGate(options, model.frame_size)
        self._pending: deque[Samples] = deque()
        self._waiting = 0  # samples in `_pending`
        self._out: Floats | None = None  # the frames that a job is judging
        self._ended = False

    @property
    def position(self) -> int:
        """Samples judged so far."""
        return self._detector.position

    @property
    def silent_since(self) -> int | None:
        """Where the open utterance ends if the silence that is on lasts; None while there is speech or no utterance."""
        return self._detector.silent_since

    @property
    def silences(self) -> SilenceMap:
        """The frames that were judged silent; whoever asks says what may be forgotten."""
        return self._detector.silences

    @property
    def done(self) -> bool:
        """The input ended and every whole frame of it was judged."""
        return self._ended and self._out is None and self._waiting < self._frame

    def feed(self, samples: Samples) -> None:
        """Accepts samples of shape [n]; what comes after `end` is ignored."""
        if samples.size and not self._ended:
            self._pending.append(samples)
            self._waiting += samples.size

    def end(self) -> None:
        """No more audio will come. `close_utterance` ends what is open."""
        self._ended = True

    def next_job(self) -> Job | None:
        """The job that judges what waits, or None when less than a frame does or one is out."""
        count = min(self._waiting, MAX_JOB_SAMPLES) // self._frame
        if self._out is not None or count == 0:
            return None
        frames = self._take(count * self._frame).reshape(count, self._frame)
        self._out = frames
        model, state = self._model, self._state
        shared = None if self._together is None else SharedRun(self._together, (frames, state))
        return Job(JobKind.VAD, lambda: model.probabilities(frames, state), frames.size, shared)

    def receive(self, result: object) -> list[Event]:
        """The probabilities of the job's frames, shape [n]."""
        frames, self._out = self._out, None
        if frames is None:
            return []
        if not isinstance(result, np.ndarray) or result.shape != (len(frames),):
            raise InferenceError(f"the VAD judged {len(frames)} frames but returned {result!r}")
        events: list[Event] = []
        for probability, level in zip(result.tolist(), levels_db(frames).tolist(), strict=True):
            events += self._judge(probability, level)
        return events

    def _judge(self, probability: float, level_db: float) -> list[Spoken]:
        """One frame."""
        before, heard = self._detector.state, self._gate.feed(level_db) or self._detector.speaking
        events = self._detector.feed(probability if heard else 0.0)
        if before is VadState.STARTING and self._detector.state is VadState.QUIET:
            self._refused(Refusal.BRIEF)
        refusing = not heard and probability >= self._options.threshold
        if refusing and not self._refusing:
            self._refused(Refusal.QUIET)
        self._refusing = refusing
        return events

    def fail(self, error: BaseException) -> list[Event]:
        """The job raised: its frames count as silence, and the model starts afresh."""
        frames, self._out = self._out, None
        self._state = self._model.new_state()
        code = error.code if isinstance(error, VoxductError) else InferenceError.code
        events: list[Event] = [Failed(code, f"voice activity detection failed: {error}")]
        for _ in range(0 if frames is None else len(frames)):
            events += self._detector.feed(0.0)
        return events

    def close_utterance(self) -> list[Spoken]:
        """Ends the open utterance with what was fed so far. Call it when no job is out and none is due."""
        return self._detector.flush(self._waiting)

    def _take(self, count: int) -> Samples:
        pieces = []
        self._waiting -= count
        while count:
            head = self._pending.popleft()
            if head.size > count:
                self._pending.appendleft(head[count:])
                head = head[:count]
            pieces.append(head)
            count -= head.size
        return np.concatenate(pieces)
