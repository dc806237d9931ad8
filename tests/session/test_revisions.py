"""A second recogniser hears finished utterances again: newer versions beside what was said, and never instead of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_hearing import FakeVad, FakeWhisper, fake_tokenizer, say
from tests.session.virtual_time import Moment, Shell
from voxduct.asr.hypothesis import HeardWord
from voxduct.asr.live.second_pass import MAX_AUDIO_S, SecondPass
from voxduct.asr.options import AsrOptions
from voxduct.asr.recogniser import Doubt, Heard, Recogniser, Window
from voxduct.audio import SAMPLE_RATE, AudioFormat, Encoding, float_to_pcm16
from voxduct.events import Event, Failed, FinalText, InputEnded, RevisedText, Word
from voxduct.models import Floats, Job, JobKind
from voxduct.session import Engine, Session, SessionOptions, run_to_rest

LAST_NAME = {"alpha": "Alfa", "bravo": "Bravo", "charlie": "Charlie", "delta": "Delta", "echo": "Echo", "golf": "Golf"}
SILENCE = np.zeros(16_000, np.float32)
TALK = np.concatenate(
    [SILENCE, say("alpha", "bravo", gap=1_600), SILENCE, say("echo", "golf"), SILENCE, say("delta"), SILENCE, SILENCE]
)


class Careful(Recogniser):
    """Hears what the first one hears, and spells it with capitals; tells how often it listened."""

    def __init__(self, *, max_window_s: float = 12.0, language: str | None = None) -> None:
        tokenizer = fake_tokenizer("<|de|>", multilingual=True)
        super().__init__(
            FakeWhisper(tokenizer), tokenizer, AsrOptions(max_window_s=max_window_s, language=language or "en")
        )
        self.windows: list[Window] = []
        self.spell: Callable[[str], str] = lambda text: LAST_NAME.get(text, text)
        self.doubt: Doubt | None = None
        self.broken = False

    def configured(self, options: AsrOptions | None = None, decoding: object = None) -> Recogniser:
        self.options = options or self.options
        return self

    def recognise(self, window: Window) -> Heard:
        self.windows.append(window)
        if self.broken:
            raise RuntimeError("out of memory")
        heard = super().recognise(window)
        words = [
            HeardWord(replace(one.word, text=self.spell(one.word.text), probability=0.75), one.tokens)
            for one in heard.words
        ]
        return Heard(tuple(words), heard.language, self.doubt, 0.875)


def first() -> Recogniser:
    tokenizer = fake_tokenizer()
    return Recogniser(FakeWhisper(tokenizer), tokenizer, AsrOptions())


def new_session(second: Recogniser | None, *, revisions: bool = True, lockstep: bool = False) -> Session:
    options = SessionOptions(revisions=revisions, lockstep=lockstep)
    engine = Engine(FakeVad(), first(), second_recogniser=second)
    return Session(engine, options, AudioFormat(SAMPLE_RATE, Encoding.S16LE))


def converse(second: Recogniser | None, audio: Floats = TALK, *, chunk: int = 512, **how: bool) -> list[Event]:
    session = new_session(second, **how)
    events: list[Event] = []
    for at in range(0, len(audio), chunk):
        session.receive_audio(float_to_pcm16(audio[at : at + chunk]).tobytes())
        events += run_to_rest(session)
    session.end_input()
    return events + run_to_rest(session)


def revisions(events: list[Event]) -> list[RevisedText]:
    return [event for event in events if isinstance(event, RevisedText)]


def others(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, RevisedText)]


# --- what is said


def test_revision_comes_after_its_final_and_leaves_it_as_it_was() -> None:
    events = converse(Careful())
    assert [event.text for event in events if isinstance(event, FinalText)] == ["alpha bravo", "echo golf", "delta"]
    assert [(event.utterance, event.version, event.text) for event in revisions(events)] == [
        (0, 1, "Alfa Bravo"),
        (1, 1, "Echo Golf"),
        (2, 1, "Delta"),
    ]
    for revised in revisions(events):
        final = next(e for e in events if isinstance(e, FinalText) and e.utterance == revised.utterance)
        assert events.index(final) < events.index(revised)
        assert (revised.start, revised.end) == (final.start, final.end)
        assert [word.start for word in revised.words] == pytest.approx([word.start for word in final.words], abs=640)
        assert (revised.confidence, revised.language, revised.language_probability) == (0.75, "en", 0.875)


def test_revision_of_what_was_heard_right_is_not_said() -> None:
    second = Careful()
    second.spell = lambda text: "Alfa" if text == "alpha" else text
    assert [event.text for event in revisions(converse(second))] == ["Alfa bravo"]
    assert len(second.windows) == 3, "it listened to all of them"


@pytest.mark.parametrize(("wanted", "lockstep"), [(False, False), (True, True)])
def test_revision_nobody_asked_for_costs_nothing(wanted: bool, lockstep: bool) -> None:
    second = Careful()
    assert revisions(converse(second, revisions=wanted, lockstep=lockstep)) == []
    assert second.windows == []


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([160, 512, 700, 3_200, 8_000]))
def test_revisions_change_nothing_else_whatever_the_chunking(chunk: int) -> None:
    events = converse(Careful(), chunk=chunk)
    assert others(events) == converse(None, chunk=chunk)
    assert [event.text for event in revisions(events)] == ["Alfa Bravo", "Echo Golf", "Delta"]


@pytest.mark.parametrize("doubt", list(Doubt))
def test_revision_that_is_doubtful_is_not_said(doubt: Doubt) -> None:
    second = Careful()
    second.doubt = doubt
    assert revisions(converse(second)) == []


def test_revision_that_hears_nothing_takes_no_words_away() -> None:
    class Deaf(Careful):
        def recognise(self, window: Window) -> Heard:
            return Heard((), "en")

    assert revisions(converse(Deaf())) == []


def test_second_recogniser_that_fails_is_no_failure_of_the_session() -> None:
    second = Careful()
    second.broken = True
    events = converse(second)
    assert len(second.windows) == 3, "it is tried again with the next utterance, not with the same"
    assert events == converse(None)
    assert not any(isinstance(event, Failed) for event in events)


def test_utterance_that_failed_is_not_heard_again() -> None:
    second = Careful()
    session = new_session(second)
    whisper = session._hearing._recogniser.model
    assert isinstance(whisper, FakeWhisper)
    whisper.fail_at = 0
    session.receive_audio(float_to_pcm16(TALK).tobytes())
    assert [event.utterance for event in run_to_rest(session) if isinstance(event, Failed)] == [0, 1, 2]
    assert second.windows == []


# --- languages


def test_second_recogniser_takes_the_language_the_first_one_cannot_but_hear() -> None:
    second = Careful(language="de")
    converse(second)
    assert {window.language for window in second.windows} == {"en"}


def test_second_recogniser_that_does_not_know_the_language_stays_silent() -> None:
    class Deutsch(Careful):
        @property
        def languages(self) -> tuple[str, ...]:
            return ("de",)

    second = Deutsch()
    assert revisions(converse(second)) == []
    assert second.windows == []


# --- windows


def test_long_utterance_is_revised_window_by_window_in_versions() -> None:
    names = ["alpha", "bravo", "charlie", "delta"] * 2
    audio = np.concatenate([SILENCE, say(*names, gap=1_600), SILENCE])
    second = Careful(max_window_s=2.5)
    events = converse(second, audio)
    said = revisions(events)
    assert [event.version for event in said] == list(range(1, len(said) + 1))
    assert len(second.windows) == len(said) > 1
    assert said[-1].text == " ".join(LAST_NAME[name] for name in names)
    for event in said[:-1]:  # what was not heard again yet is as it was
        spelt = event.text.split()
        count = sum(word[0].isupper() for word in spelt)
        assert spelt == [LAST_NAME[name] for name in names[:count]] + names[count:]
    assert all(window.samples.size <= 2.5 * SAMPLE_RATE for window in second.windows)


# --- time


def seconds(job: Job) -> float:
    return {JobKind.VAD: 0.001, JobKind.REVISION: 2.0}.get(job.kind, 0.1)


def shell(second: Recogniser | None) -> Shell:
    shell = Shell(new_session(second), seconds)
    shell.hear(float_to_pcm16(TALK).tobytes(), 512)
    return shell


def test_revisions_delay_nothing_and_are_heard_one_at_a_time() -> None:
    having = shell(Careful())
    said = having.run()
    plain: list[Moment] = [moment for moment in said if not isinstance(moment[1], RevisedText)]
    assert plain == shell(None).run()
    began = [time for time, job in having.ran if job.kind is JobKind.REVISION]
    assert len(began) > 1
    assert all(later - earlier >= 2.0 for earlier, later in itertools.pairwise(began))
    finals = {event.utterance: time for time, event in said if isinstance(event, FinalText)}
    assert all(time >= finals[event.utterance] + 2.0 for time, event in said if isinstance(event, RevisedText))


def run_but_revisions(session: Session) -> tuple[list[Event], list[Job]]:
    """Runs all that is due but revisions, as a server with nobody to spare; returns those too."""
    events: list[Event] = []
    held: list[Job] = []
    while jobs := session.jobs():
        for job in jobs:
            if job.kind is JobKind.REVISION:
                held.append(job)
            else:
                session.receive_result(job, job.run())
        events += session.events()
    return events + session.events(), held


def test_stop_does_not_wait_for_revisions_and_none_is_begun_after_it() -> None:
    session = new_session(Careful())
    session.receive_audio(float_to_pcm16(TALK).tobytes())
    session.end_input()
    events, held = run_but_revisions(session)
    assert len([event for event in events if isinstance(event, FinalText)]) == 3
    assert isinstance(events[-1], InputEnded)
    assert (session.done, held) == (True, [])


def test_revision_that_is_out_at_the_end_is_dropped() -> None:
    second = Careful()
    session = new_session(second)
    session.receive_audio(float_to_pcm16(TALK).tobytes())
    events, held = run_but_revisions(session)
    assert len([event for event in events if isinstance(event, FinalText)]) == 3
    (revision,) = held
    session.end_input()
    assert isinstance(run_to_rest(session)[-1], InputEnded)
    session.receive_result(revision, revision.run())
    assert run_to_rest(session) == []
    assert second.windows == [], "what had not begun by then computes nothing"


# --- memory


def final(utterance: int, start: int, end: int) -> FinalText:
    return FinalText(utterance, start, end, (Word("so", start, end, 0.5),), 0.5, "en")


def test_second_pass_gives_up_the_oldest_audio_first() -> None:
    stage = SecondPass(Careful(), max_audio_s=3.0)
    for number in range(5):
        stage.begin(number, number * SAMPLE_RATE)
        stage.feed(SILENCE)
        stage.observe([final(number, number * SAMPLE_RATE, (number + 1) * SAMPLE_RATE)])
        assert stage.kept_samples <= 3 * SAMPLE_RATE
    assert sorted(stage._kept) == [2, 3, 4]


def test_second_pass_that_is_being_heard_is_not_given_up() -> None:
    second = Careful()
    stage = SecondPass(second, max_audio_s=1.5)
    speech = say("alpha", "bravo")
    stage.begin(0, 0)
    stage.feed(speech)
    stage.observe([final(0, 0, speech.size)])
    job = stage.next_job()
    assert job is not None
    stage.begin(1, speech.size)
    stage.feed(np.zeros(2 * SAMPLE_RATE, np.float32))
    assert sorted(stage._kept) == [0], "the open one is too long for what is left"
    (revised,) = stage.receive(job.run())
    assert isinstance(revised, RevisedText)
    assert revised.text == "Alfa Bravo"
    assert stage.kept_samples == 0


def test_session_that_is_never_idle_keeps_no_more_than_the_bound() -> None:
    session = new_session(Careful())
    audio = np.concatenate([say(*["alpha", "bravo"] * 5), SILENCE])
    kept = []
    for _ in range(round(2 * MAX_AUDIO_S / 5)):
        session.receive_audio(float_to_pcm16(audio).tobytes())
        run_but_revisions(session)
        kept.append(session._hearing._second_pass.kept_samples / SAMPLE_RATE)
    assert MAX_AUDIO_S - 5 < max(kept) <= MAX_AUDIO_S
