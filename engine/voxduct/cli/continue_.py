"""`voxduct continue`: a recording goes on in the same voice, without any text.

The sound comes frame by frame: with -o into a WAV file, else as raw PCM (signed 16 bit, little-endian, mono, 16 kHz)
on stdout, for a player: `voxduct continue prompt.wav | aplay -f S16_LE -r 16000`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from voxduct.audio import Samples, float_to_pcm16, to_seconds
from voxduct.cli.arguments import Commands, add_engine_options, engine_options, positive_number
from voxduct.cli.recordings import Recording
from voxduct.continuation.options import ContinuationOptions
from voxduct.continuation.prompt import Prompt, PromptTail
from voxduct.continuation.stream import ContinuationStream, Continuer
from voxduct.errors import MessageError
from voxduct.loading import load_continuer

STDOUT = Path("-")


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "continue", help="go on with a recording, without text", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("prompt", type=Path, metavar="PROMPT.wav", help="a sound file; of a long one, the end counts")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT.wav", help="a WAV file (default: raw PCM to a pipe)")
    parser.add_argument("--seconds", type=positive_number, default=10.0, help="how long it goes on (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another continuation (default 0)")
    warm = "times the model's own: less is more even, more is livelier (default 1)"
    parser.add_argument("--temperature", type=float, default=1.0, help=warm)
    parser.add_argument("--with-prompt", action="store_true", help="put the recording before its continuation")
    parser.add_argument("--model", metavar="FOLDER", help="another continuation model")
    parser.add_argument("--json", action="store_true", help="say what was made in one line of JSON; needs -o")
    add_engine_options(parser, hears=False, speaks=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Goes on with the prompt."""
    to_pipe = options.output is None or options.output == STDOUT
    if to_pipe and (sys.stdout.isatty() or options.json):
        raise MessageError("say where the sound goes: -o OUT.wav, or pipe it into a player", param="output")
    wanted = ContinuationOptions(seconds=options.seconds, seed=options.seed, temperature=options.temperature)
    prompt = read_prompt(options.prompt)
    continuer = load_continuer(engine_options(options), options.model)
    before = Recording(options.prompt) if options.with_prompt else None
    frames = Timed(_sound(continuer, prompt, wanted, before))
    rate = continuer.codec.sample_rate
    if to_pipe:
        for samples in frames:
            sys.stdout.buffer.write(float_to_pcm16(samples).astype("<i2").tobytes())
            sys.stdout.buffer.flush()
        return 0
    with soundfile.SoundFile(options.output, "w", rate, 1, "PCM_16", format="WAV") as file:
        for samples in frames:
            file.write(float_to_pcm16(samples))
    figures = {"file": str(options.output), "sample_rate": rate, **frames.figures(rate)}
    print(json.dumps(figures) if options.json else f"{options.output}: {figures['duration']} s of sound",
          file=sys.stdout if options.json else sys.stderr)  # fmt: skip
    return 0


def read_prompt(path: Path) -> Prompt:
    """The prompt in a sound file, whatever its rate and length. Raises AudioFormatError as `PromptTail` does."""
    tail = PromptTail()
    for block in Recording(path).blocks():
        tail.feed(block)
    return tail.take()


def _sound(
    continuer: Continuer, prompt: Prompt, wanted: ContinuationOptions, before: Recording | None
) -> Iterator[Samples]:
    """The recording, if it is asked for, and its continuation; faded from one into the other."""
    stream = ContinuationStream(continuer, continuer.hear(prompt), wanted)
    if before is None:
        first = stream.next_samples()
        if first is not None:
            yield first * np.linspace(0.0, 1.0, len(first), dtype=np.float32)
    else:
        yield from _faded(before.blocks(continuer.codec.sample_rate), stream.overlap)
    while (samples := stream.next_samples()) is not None:
        yield samples


def _faded(blocks: Iterator[Samples], overlap: Samples) -> Iterator[Samples]:
    """A recording whose last samples turn into `overlap`."""
    held = np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        if len(held) > len(overlap):
            yield held[: -len(overlap)]
            held = held[-len(overlap) :]
    share = np.linspace(0.0, 1.0, len(held), dtype=np.float32)
    yield held * (1 - share) + overlap[-len(held) :] * share


class Timed:
    """Passes pieces of sound on, and measures how they come."""

    def __init__(self, pieces: Iterator[Samples]) -> None:
        self._pieces = pieces
        self._started = time.perf_counter()
        self._first_s = 0.0
        self._samples = 0

    def __iter__(self) -> Iterator[Samples]:
        for piece in self._pieces:
            self._first_s = self._first_s or time.perf_counter() - self._started
            self._samples += len(piece)
            yield piece

    def figures(self, sample_rate: int) -> dict[str, float]:
        """How long it lasts, when the first piece came, and how many seconds a second of it took."""
        duration = to_seconds(self._samples, sample_rate)
        spent = time.perf_counter() - self._started
        return {
            "duration": round(duration, 3),
            "first_audio_s": round(self._first_s, 3),
            "rtf": round(spent / max(duration, 1e-9), 3),
        }
