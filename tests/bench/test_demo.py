from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from voxduct import wire
from voxduct.demo.captions import Captions

TOP = Path(__file__).parents[2]
FIGURES = ["wer", "commit_p50_ms", "commit_p95_ms", "final_p50_ms", "first_audio_p50_ms", "rtf_asr", "rtf_tts"]


def final(text: str) -> wire.FinalMessage:
    return wire.FinalMessage(utterance=0, text=text, start=0, end=1, words=[], confidence=1, language="en")


def test_captions_without_a_terminal_are_lines_and_no_escapes() -> None:
    out = io.StringIO()
    captions = Captions(out, None)
    captions.show(1.0, wire.PartialMessage(utterance=0, text="maybe", time=1.0))
    captions.show(1.5, wire.CommittedMessage(utterance=0, text="good", words=[]))
    captions.show(2.0, final("good day"))
    assert out.getvalue() == "   1.5 s  + good\n   2.0 s  = good day\n"


def test_captions_on_a_terminal_never_wrap() -> None:
    out = io.StringIO()
    captions = Captions(out, 40)
    captions.show(1.5, wire.CommittedMessage(utterance=0, text="word " * 30, words=[]))
    captions.show(1.6, wire.PartialMessage(utterance=0, text="more " * 30, time=1.0))
    plain = out.getvalue().replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "").replace("\x1b[K", "")
    assert all(len(line) <= 42 for line in plain.split("\r"))


@pytest.mark.model
@pytest.mark.slow
def test_demo_ends_with_one_line_of_figures() -> None:
    command = [sys.executable, "-m", "voxduct", "demo", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, cwd=TOP / "engine", check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert list(figures) == FIGURES
    assert figures["first_audio_p50_ms"] > 0
    assert figures["final_p50_ms"] > 0
