from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests.fakes_speaking import BOOKS, FakeLm, fake_synthesiser, fake_voice, vocal_code_vectors
from tests.fakes_voices import FakeSpeakerEncoder, buzz, fake_enroller, hush, wav
from voxduct.audio import Samples
from voxduct.errors import ClipError, InferenceError, VoiceError
from voxduct.events import SpeechAudio
from voxduct.models import Floats, JobKind
from voxduct.offline import speak
from voxduct.tts.sampling import request_rng
from voxduct.tts.stream import SpeechStream
from voxduct.voices.enrolment import Enrolled, Enroller, run_enrolment
from voxduct.voices.rehearsal import JOB_FRAMES
from voxduct.voices.sound import Sound, read_sound

CLIP = np.concatenate([hush(1), buzz(4), hush(0.6), buzz(2.5), hush(1)])


def loaded(samples: Samples) -> Callable[[], Sound]:
    return lambda: Sound(samples, 0.0)


def enrol(samples: Samples, enroller: Enroller | None = None, name: str = "me") -> Enrolled:
    return run_enrolment((enroller or fake_enroller()).begin(name, loaded(samples)))


def test_enrolment_of_a_clip_gives_a_voice_like_the_shipped_ones() -> None:
    enroller = fake_enroller()
    voice = enrol(CLIP, enroller).primed.voice
    shipped = enroller.synthesiser.primed("ada").voice
    assert voice.name == "me"
    assert voice.speaker.shape == shipped.speaker.shape and voice.speaker.dtype == shipped.speaker.dtype
    assert voice.prompt_codes.shape == (len(shipped.prompt_codes), 100)
    assert voice.prompt_codes.dtype == shipped.prompt_codes.dtype
    assert voice.prompt_phones.tolist() == [enroller.synthesiser.config.unknown_id] * 100


def test_enrolment_same_clip_gives_the_same_voice_whatever_its_file() -> None:
    made = [
        run_enrolment(fake_enroller().begin("me", partial(read_sound, data, 60.0)))
        for data in (wav(CLIP), wav(CLIP, format="FLAC"), wav(np.stack([CLIP, CLIP], axis=1)))
    ]
    for one in made[1:]:
        assert np.array_equal(one.spoken.codes, made[0].spoken.codes)
        assert one.spoken.prompt == made[0].spoken.prompt


def test_enrolment_level_of_the_recording_does_not_matter() -> None:
    loud, quiet = enrol(CLIP), enrol(CLIP * np.float32(0.02))
    assert np.array_equal(loud.spoken.codes, quiet.spoken.codes)


def test_enrolment_jobs_come_one_at_a_time_and_never_before_live_speech() -> None:
    enrolment = fake_enroller().begin("me", loaded(np.concatenate([CLIP] * 4)))
    kinds = []
    while (job := enrolment.next_job()) is not None:
        assert enrolment.next_job() is None
        kinds.append(job.kind)
        assert job.shared is None
        enrolment.receive(job.run())
    assert enrolment.done
    assert set(kinds) == {JobKind.SPEECH}
    assert len(kinds) == 1 + 4 + 1  # read, four times ten seconds at most, encode


def test_enrolment_of_noise_beside_speech_uses_the_speech() -> None:
    encoder = FakeSpeakerEncoder()
    enroller = fake_enroller()
    enroller = Enroller(enroller.vad, encoder, enroller.synthesiser)
    enrolled = enrol(np.concatenate([buzz(3, 0.002), buzz(1.5), buzz(3, 0.002)]), enroller)
    assert enrolled.spoken.speech_s == pytest.approx(1.5, abs=0.1)
    assert encoder.heard[0].shape[1] == pytest.approx(1.6 * 50, abs=6)  # with a little before the first word


@pytest.mark.parametrize(
    ("clip", "code"),
    [
        (buzz(0.5), "clip_too_short"),
        (hush(5), "clip_silent"),
        (np.concatenate([hush(2), buzz(0.5), hush(2)]), "clip_too_short"),
        (np.concatenate([np.eye(1, 40_000, dtype=np.float32)[0], hush(2)]), "clip_no_speech"),
    ],
)
def test_enrolment_of_a_clip_that_is_unfit_says_why(clip: Samples, code: str) -> None:
    with pytest.raises(ClipError) as caught:
        enrol(clip)
    assert caught.value.code == code


def test_enrolment_of_a_clip_at_full_scale_is_refused() -> None:
    with pytest.raises(ClipError) as caught:
        run_enrolment(fake_enroller().begin("me", lambda: read_sound(wav(np.sign(CLIP)), 60.0)))
    assert caught.value.code == "clip_clipped"


def test_enrolment_vad_that_fails_is_told() -> None:
    class Broken:
        frame_size = 512

        def new_state(self) -> object:
            return None

        def probabilities(self, frames: Floats, state: object) -> Floats:
            raise RuntimeError("broken")

    enrolment = Enroller(Broken(), FakeSpeakerEncoder(), fake_synthesiser()).begin("me", loaded(CLIP))
    with pytest.raises(RuntimeError) as caught:
        run_enrolment(enrolment)
    told = enrolment.fail(caught.value)
    assert isinstance(told, InferenceError) and "RuntimeError" in told.message
    refused = ClipError("too short", code="clip_too_short")
    assert enrolment.fail(refused) is refused


def test_own_voice_costs_no_model_run_at_request_time() -> None:
    lm = FakeLm()
    enroller = fake_enroller(lm)
    before = len(lm.fed)
    enrolled = enrol(CLIP, enroller)
    assert len(lm.fed) == before + 1 and len(lm.fed[-1][0]) == 100  # the prompt, once
    enroller.synthesiser.add(enrolled.primed)
    runs = {}
    for voice in ("ada", "me"):
        before = len(lm.fed)
        stream = SpeechStream(enroller.synthesiser, "a", voice)
        stream.feed("Hello world.")
        stream.end()
        job = stream.next_job()
        assert job is not None
        assert len(lm.fed) == before  # choosing the voice runs nothing
        stream.receive(job.run())
        runs[voice] = [len(codes) for codes, _, _ in lm.fed[before:]]
        assert set(runs[voice]) == {1}  # frame by frame: never the prompt again
    assert len(runs["me"]) <= len(runs["ada"]) + 25  # what leading silence takes may differ


def test_own_voice_is_heard_and_shipped_ones_stay_as_they_were() -> None:
    enroller = fake_enroller()
    synthesiser = enroller.synthesiser

    def said(voice: str) -> Samples:
        return np.concatenate([e.samples for e in speak(synthesiser, "Hello.", voice) if isinstance(e, SpeechAudio)])

    before = said("ada")
    synthesiser.add(enrol(CLIP, enroller).primed)
    assert np.array_equal(said("ada"), before)
    assert not np.array_equal(said("me")[: len(before)], before[: len(said("me"))])
    assert np.array_equal(said("me"), said("me"))


def test_synthesiser_shipped_voices_can_be_neither_replaced_nor_removed() -> None:
    enroller = fake_enroller()
    with pytest.raises(VoiceError) as taken:
        enroller.synthesiser.add(enrol(CLIP, enroller, name="ada").primed)
    assert taken.value.code == "voice_exists"
    with pytest.raises(VoiceError) as shipped:
        enroller.synthesiser.remove("ada")
    assert shipped.value.code == "shipped_voice"
    with pytest.raises(VoiceError) as unknown:
        enroller.synthesiser.remove("nobody")
    assert unknown.value.code == "unknown_voice"


def test_enrolment_where_timbre_is_known_rehearses_in_short_jobs() -> None:
    lm = FakeLm()
    enroller = fake_enroller(synthesiser=fake_synthesiser(lm, vectors=vocal_code_vectors()))
    enrolment, steps = enroller.begin("me", loaded(CLIP)), []
    while (job := enrolment.next_job()) is not None:
        before = len(lm.fed)
        enrolment.receive(job.run())
        steps.append(len(lm.fed) - before)
    made = enrolment.result
    assert len(steps) > 5 and max(steps) <= JOB_FRAMES + BOOKS  # with those that complete the delayed books
    assert made.primed.timbre is not None and made.primed.timbre is made.spoken.timbre
    assert made.spoken.timbre_of == enroller.model


def test_enrolled_voice_speaks_in_its_clips_pitch() -> None:
    vectors = vocal_code_vectors()
    enroller = fake_enroller(synthesiser=fake_synthesiser(vectors=vectors))
    made = enrol(CLIP, enroller)
    said = np.stack(list(enroller.synthesiser.codes("hello, hello world", made.primed, request_rng(0, 0))), axis=1)
    plain = replace(made.primed, timbre=None)
    unlike = np.stack(list(enroller.synthesiser.codes("hello, hello world", plain, request_rng(0, 0))), axis=1)
    wanted = np.median(made.spoken.codes[1])
    assert abs(np.median(said[1]) - wanted) < 0.5 * abs(np.median(unlike[1]) - wanted)


def test_enroller_of_other_shipped_voices_is_another_model() -> None:
    one, same = fake_enroller(), fake_enroller()
    other = fake_enroller(synthesiser=fake_synthesiser(voices=[fake_voice("ada"), fake_voice("another")]))
    assert one.model == same.model != other.model
