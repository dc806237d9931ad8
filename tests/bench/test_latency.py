"""What the arrival times mean, on a tape whose times are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxduct import wire
from voxduct.audio import SAMPLE_RATE
from voxduct.bench.clips import Clip, Tape, join, read_clips, speech_end
from voxduct.bench.latency import latencies
from voxduct.bench.live import Heard, HeardWord
from voxduct.errors import AudioFormatError


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    sound = np.zeros(SAMPLE_RATE, np.float32)
    sound[1_600:12_800] = 0.5  # 0.1 s to 0.8 s
    for name in ("one", "two"):
        soundfile.write(tmp_path / f"{name}.flac", sound, SAMPLE_RATE)
    (tmp_path / "transcripts.tsv").write_text("one\thello world\t0.40 0.80\ntwo.flac\tgood day\t- 0.80\n")
    return join(read_clips(tmp_path), pause_s=1.0, lead_s=0.5)


def final(utterance: int, start: float, end: float) -> wire.FinalMessage:
    return wire.FinalMessage(
        utterance=utterance, text="", start=start, end=end, words=[], confidence=1.0, language="en"
    )


def test_clips_are_placed_where_they_sound(tape: Tape) -> None:
    assert tape.seconds == pytest.approx(0.5 + 2 * (1.0 + 1.0))
    assert [placed.start for placed in tape.placed] == pytest.approx([0.5, 2.5])
    assert [placed.end for placed in tape.placed] == pytest.approx([1.3, 3.3])
    assert tape.placed[0].word_ends == pytest.approx((0.9, 1.3))
    assert tape.placed[1].word_ends == (None, pytest.approx(3.3))
    assert tape.text == "hello world good day"


def test_commit_latency_counts_from_the_known_end_of_rightly_heard_words(tape: Tape) -> None:
    words = [
        HeardWord("hello", 1.0, 1.5),  # known end 0.9
        HeardWord("word", 1.2, 1.6),  # wrong word: no known end
        HeardWord("good", 2.8, 3.6),  # end unknown
        HeardWord("day", 3.4, 3.8),  # known end 3.3
    ]
    found = latencies(tape, [Heard(words=words)])
    assert found.commit == pytest.approx([0.6, 0.5])
    assert found.commit_by_model_times == pytest.approx([0.5, 0.4, 0.8, 0.4])
    assert found.word_end_errors == pytest.approx([0.1, 0.1])
    assert (found.errors.words, found.errors.errors) == (4, 1)


def test_final_latency_counts_from_the_last_sound_and_from_the_decision(tape: Tape) -> None:
    heard = Heard(
        finals=[(1.9, final(0, 0.5, 1.4)), (3.9, final(1, 2.5, 3.4))],
        stops=[
            (1.8, wire.SpeechStoppedMessage(utterance=0, time=1.4, decided=1.7)),
            (3.8, wire.SpeechStoppedMessage(utterance=1, time=3.4, decided=3.7)),
        ],
    )
    found = latencies(tape, [heard])
    assert found.final == pytest.approx([0.6, 0.6])
    assert found.final_after_decision == pytest.approx([0.2, 0.2])


def test_silence_has_no_end_of_speech() -> None:
    assert speech_end(np.zeros(100, np.float32)) == 0


@pytest.mark.parametrize(("text", "word"), [("gone\thello\n", "gone"), (None, "transcripts.tsv")])
def test_folder_that_lacks_what_it_names_is_refused(tmp_path: Path, text: str | None, word: str) -> None:
    if text is not None:
        (tmp_path / "transcripts.tsv").write_text(text)
    with pytest.raises(AudioFormatError, match=word):
        read_clips(tmp_path)


def test_times_that_do_not_fit_the_words_are_ignored(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", np.zeros(160, np.float32), SAMPLE_RATE)
    (tmp_path / "transcripts.tsv").write_text("one\thello world\t0.5\n")
    assert read_clips(tmp_path) == [Clip(tmp_path / "one.wav", "hello world", ())]
