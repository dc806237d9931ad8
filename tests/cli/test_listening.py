"""How `voxduct transcribe` listens, on doubles and on the embedded model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.fakes_hearing import FakeVad, FakeWhisper, fake_tokenizer, say, split
from voxduct.asr.recogniser import Recogniser
from voxduct.asr.recordings.segments import Segment
from voxduct.audio import Samples
from voxduct.cli import build_parser, main
from voxduct.cli.listening import Algorithm, listen, with_decoding_options
from voxduct.errors import ClientError
from voxduct.events import FinalText
from voxduct.session import Engine
from voxduct.vad import VadOptions, VadStage

CLIP = Path(__file__).parents[2] / "benchmarks" / "data" / "demo" / "demo-00.opus"
SAID = [("alpha", "bravo", "charlie"), ("delta", "echo"), ("golf", "alpha", "golf")]


def engine(*languages: str) -> Engine:
    tokenizer = fake_tokenizer(*languages, "<|translate|>", "<|startofprev|>", multilingual=bool(languages))
    return Engine(FakeVad(), Recogniser(FakeWhisper(tokenizer), tokenizer))


def blocks() -> Iterator[Samples]:
    gap = np.zeros(24_000, np.float32)
    audio = np.concatenate([gap, *(piece for words in SAID for piece in (say(*words), gap))])
    yield from split(audio, [7_000, 50_001, 100_000])


def configured(engine: Engine, *arguments: str) -> Engine:
    return with_decoding_options(engine, build_parser().parse_args(["transcribe", *arguments, "a.wav"]))


@pytest.mark.parametrize("arguments", [(), ("--beam", "3"), ("--prompt", "golf", "--hot-words", "echo")])
@pytest.mark.parametrize("algorithm", [Algorithm.LIVE, Algorithm.CHUNKED])
def test_listen_hears_each_utterance_in_its_place(algorithm: Algorithm, arguments: tuple[str, ...]) -> None:
    heard = [
        one
        for one in listen(configured(engine(), *arguments), blocks(), algorithm)
        if isinstance(one, (FinalText, Segment))
    ]
    assert [one.text for one in heard] == [" ".join(words) for words in SAID]
    start = 24_000
    for one, words in zip(heard, SAID, strict=True):
        assert one.words[0].start == pytest.approx(start, abs=1_600)
        start += 6_400 * len(words) + 24_000


@pytest.mark.parametrize("algorithm", [Algorithm.LIVE, Algorithm.CHUNKED])
def test_listen_words_start_and_end_off_the_silences_of_the_vad(algorithm: Algorithm) -> None:
    audio = np.concatenate([*blocks()])
    stage = VadStage(FakeVad(), VadOptions())
    stage.feed(audio)
    while (job := stage.next_job()) is not None:
        stage.receive(job.run())
    silences = stage.silences.between(0, audio.size)
    assert len(silences) == len(SAID) + 1
    heard = listen(engine(), blocks(), algorithm)
    words = [word for one in heard if isinstance(one, (FinalText, Segment)) for word in one.words]
    assert [word.text for word in words] == [word for words in SAID for word in words]
    assert not [word for word in words if any(start <= word.start < end for start, end in silences)]
    assert not [word for word in words if any(start < word.end <= end for start, end in silences)]


def test_decoding_options_one_language_is_given_and_several_are_allowed() -> None:
    shared = engine("<|de|>", "<|fr|>")
    assert configured(shared, "--language", "de").recogniser.options.language == "de"
    several = configured(shared, "--language", "de,fr").recogniser.options
    assert (several.language, several.languages) == (None, ("de", "fr"))
    assert configured(shared).recogniser.options == shared.recogniser.options


@pytest.mark.parametrize(
    ("arguments", "languages", "named"),
    [
        (("--language", "xx"), ("<|de|>",), "xx"),
        (("--language", "de,xx"), ("<|de|>",), "xx"),
        (("--language", "de"), (), "de"),
        (("--task", "translate"), (), "translate"),
    ],
)
def test_decoding_options_what_the_model_cannot_do_is_refused(
    arguments: tuple[str, ...], languages: tuple[str, ...], named: str
) -> None:
    with pytest.raises(ClientError, match=named):
        configured(engine(*languages), *arguments)


@pytest.mark.model
@pytest.mark.parametrize("arguments", [("--algorithm", "chunked"), ("--algorithm", "chunked", "--beam", "2")])
def test_transcribe_chunked_is_json_like_any_other(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert main(["transcribe", "--json", *arguments, "--language", "en", str(CLIP)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["language"] == "en"
    assert " ".join(word["word"] for word in document["words"]) == document["text"] != ""
    assert all(0 <= word["start"] <= word["end"] <= document["duration"] + 0.5 for word in document["words"])


@pytest.mark.model
def test_transcribe_language_the_model_does_not_know_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcribe", "--language", "de", str(CLIP)]) == 2
    assert "'de'" in capsys.readouterr().err
