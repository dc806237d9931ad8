"""How `voxduct transcribe` listens to a file: as a live session would, in chunks, or window after window."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import StrEnum

from voxduct.asr.options import Task
from voxduct.asr.recogniser import Recogniser
from voxduct.asr.recordings.chunks import Chunk, ChunkOptions, Span, gather_spans, transcribe_chunks
from voxduct.asr.recordings.longform import transcribe_sequentially
from voxduct.asr.recordings.reel import Reel
from voxduct.asr.recordings.segments import Segment
from voxduct.audio import Samples
from voxduct.cli.arguments import positive_int
from voxduct.errors import ClientError
from voxduct.events import Event, SpeechStarted, SpeechStopped
from voxduct.offline import hear
from voxduct.session import Engine
from voxduct.vad import VadOptions, VadStage


class Algorithm(StrEnum):
    """How a recording is cut into windows."""

    LIVE = "live"  # as a session on a machine that is never late
    CHUNKED = "chunked"  # at silences, several windows at a time
    SEQUENTIAL = "sequential"  # 30 s after 30 s by timestamps, each told what was said before


def add_decoding_options(parser: argparse.ArgumentParser) -> None:
    """What is spoken, what becomes of it, and how hard to search."""
    group = parser.add_argument_group("decoding")
    group.add_argument("--language", metavar="L", help="such as en; several, such as en,de: find out which of them")
    group.add_argument("--task", choices=[task.value for task in Task], default=Task.TRANSCRIBE.value)
    group.add_argument("--prompt", metavar="P", default="", help="text that seems to come before: names, spellings")
    group.add_argument("--hot-words", metavar="W", default="", help="words that are likely to be said")
    group.add_argument(
        "--beam", metavar="N", type=positive_int, help="hypotheses (default: as the model asks, mostly 1)"
    )
    group.add_argument(
        "--algorithm",
        choices=[algorithm.value for algorithm in Algorithm],
        default=Algorithm.LIVE.value,
        help="how a recording is cut (default live)",
    )


def with_decoding_options(engine: Engine, options: argparse.Namespace) -> Engine:
    """The engine, set up as the command line says.

    Raises:
        ClientError: the model does not know a language, or cannot translate.
    """
    codes = tuple(options.language.split(",")) if options.language else ()
    task = Task(options.task)
    _check(engine.recogniser, codes, task)
    recogniser = engine.recogniser.configured(
        replace(
            engine.recogniser.options,
            language=codes[0] if len(codes) == 1 else None,
            languages=codes,
            task=task,
            prompt=options.prompt,
            hot_words=options.hot_words,
        ),
        engine.recogniser.decoding if options.beam is None else replace(engine.recogniser.decoding, beams=options.beam),
    )
    return replace(engine, recogniser=recogniser)


def listen(engine: Engine, blocks: Iterator[Samples], algorithm: Algorithm) -> Iterator[Event | Segment]:
    """What is heard in a recording, as soon as it is known: a session's events, or segments.

    Raises:
        InferenceError: a model failed.
    """
    match algorithm:
        case Algorithm.LIVE:
            yield from hear(engine, blocks)
        case Algorithm.CHUNKED:
            yield from _chunked(engine, blocks)
        case Algorithm.SEQUENTIAL:
            yield from transcribe_sequentially(engine.recogniser, blocks)


def _check(recogniser: Recogniser, codes: tuple[str, ...], task: Task) -> None:
    known = recogniser.tokenizer.languages if recogniser.multilingual else ("en",)
    for code in codes:
        if code not in known:
            raise ClientError(f"the model does not know the language {code!r}; it has {', '.join(sorted(known))}")
    if task is Task.TRANSLATE and not recogniser.multilingual:
        raise ClientError("the model knows English only and cannot translate; choose a multilingual one with --asr")


def _chunked(engine: Engine, blocks: Iterator[Samples]) -> Iterator[Segment]:
    """Utterances share windows only where a window costs 30 s whatever it holds."""
    options = ChunkOptions(max_s=0.0) if engine.recogniser.model.dynamic else ChunkOptions()
    reel = Reel(blocks)
    stage = VadStage(engine.vad, VadOptions())
    groups = gather_spans(_spans(stage, reel), options)
    yield from transcribe_chunks(engine.recogniser, _chunks(stage, reel, groups), options)


def _chunks(stage: VadStage, reel: Reel, groups: Iterable[tuple[Span, ...]]) -> Iterator[Chunk]:
    for spans in groups:
        samples = reel.read(spans[0][0], spans[-1][1])
        silences = stage.silences.between(spans[0][0], spans[-1][1])
        for remembered in (reel, stage.silences):
            remembered.forget_before(spans[0][0])  # the next utterance may begin before this one's end
        yield Chunk(samples, spans, silences)


def _spans(stage: VadStage, reel: Reel) -> Iterator[Span]:
    """Where each utterance of a recording starts and ends."""
    start = 0
    for event in _judged(stage, reel):
        match event:
            case SpeechStarted():
                start = event.start
            case SpeechStopped():
                yield start, event.end
            case _:
                pass


def _judged(stage: VadStage, reel: Reel) -> Iterator[Event]:
    while (block := reel.draw()) is not None:
        stage.feed(block)
        while (job := stage.next_job()) is not None:
            yield from stage.receive(job.run())
    yield from stage.close_utterance()
