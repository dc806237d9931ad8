"""`voxduct say`: text to a sound file."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxduct.audio import Samples
from voxduct.cli.arguments import Commands, add_engine_options, add_speech_options, engine_options
from voxduct.cli.recordings import write_wav
from voxduct.cli.voices import add_voices_option, choose_voice
from voxduct.errors import TextError
from voxduct.events import SpeechAudio, SpeechAudioStarted, SpeechWord, SpeechWords
from voxduct.loading import load_synthesiser
from voxduct.offline import speak
from voxduct.tts.text_to_speech import TextToSpeech


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("say", help="text to speech", description=__doc__, allow_abbrev=False)
    parser.add_argument("text", metavar="TEXT", help="what to say; - reads it from stdin")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT.wav", help="a WAV file (default: stdout, when piped)")
    parser.add_argument(
        "--voice",
        metavar="NAME|MIXTURE|CLIP",
        help="a voice's name, a mixture (ada:0.7+ben:0.3), or a recording of somebody (who agreed) to sound like",
    )
    add_voices_option(parser)
    parser.add_argument("--seed", type=int, default=0, help="another seed, another reading (default 0)")
    parser.add_argument("--json", action="store_true", help="say what was made in one line of JSON")
    parser.add_argument("--words", action="store_true", help="as --json, and when each word is spoken, in seconds")
    add_engine_options(parser, hears=False)
    add_speech_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Speaks the text."""
    text = sys.stdin.read() if options.text == "-" else options.text
    reports = options.json or options.words
    if options.output is None and (sys.stdout.isatty() or reports):
        raise TextError("say where the speech goes: -o OUT.wav, or pipe it into a player", param="output")
    synthesiser = load_synthesiser(engine_options(options))
    said = _speak(synthesiser, text, choose_voice(options, synthesiser), options.seed)
    if options.output is None:
        write_wav(sys.stdout.buffer, said.samples, said.rate)
        return 0
    write_wav(options.output, said.samples, said.rate)
    if reports:
        words = {"words": said.timed_words()} if options.words else {}
        print(json.dumps({"file": str(options.output), **said.figures(), **words}))
    else:
        print(f"{options.output}: {said.figures()['duration']} s of speech", file=sys.stderr)
    return 0


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """Speech, and how long it took to make."""

    samples: Samples
    rate: int
    words: tuple[SpeechWord, ...]
    first_audio_s: float
    took_s: float

    def figures(self) -> dict[str, float]:
        """For `--json`."""
        duration = len(self.samples) / max(self.rate, 1)
        return {
            "sample_rate": self.rate,
            "duration": round(duration, 3),
            "first_audio_s": round(self.first_audio_s, 3),
            "rtf": round(self.took_s / max(duration, 1e-9), 3),
        }

    def timed_words(self) -> list[dict[str, object]]:
        """For `--words`."""
        return [
            {"word": word.text, "start": round(word.start / self.rate, 4), "end": round(word.end / self.rate, 4)}
            for word in self.words
        ]


def _speak(synthesiser: TextToSpeech, text: str, voice: str | None, seed: int) -> _Said:
    started, first, rate = time.perf_counter(), 0.0, 0
    parts: list[Samples] = [np.zeros(0, np.float32)]
    words: list[SpeechWord] = []
    for event in speak(synthesiser, text, voice, seed):
        match event:
            case SpeechAudioStarted():
                rate = event.sample_rate
            case SpeechWords():
                words += event.words
            case SpeechAudio():
                first = first or time.perf_counter() - started
                parts.append(event.samples)
            case _:
                pass
    return _Said(np.concatenate(parts), rate, tuple(words), first, time.perf_counter() - started)
