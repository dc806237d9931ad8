"""`voxduct say`: text to a sound file."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from voxduct.audio import Samples
from voxduct.cli.arguments import Commands, add_engine_options, engine_options
from voxduct.cli.recordings import write_wav
from voxduct.errors import TextError
from voxduct.events import SpeechAudio, SpeechAudioStarted
from voxduct.loading import load_synthesiser
from voxduct.offline import speak
from voxduct.tts.stream import TextToSpeech


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("say", help="text to speech", description=__doc__, allow_abbrev=False)
    parser.add_argument("text", metavar="TEXT", help="what to say; - reads it from stdin")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT.wav", help="a WAV file (default: stdout, when piped)")
    parser.add_argument("--voice", help="a voice's name")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another reading (default 0)")
    parser.add_argument("--json", action="store_true", help="say what was made in one line of JSON")
    add_engine_options(parser, hears=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Speaks the text."""
    text = sys.stdin.read() if options.text == "-" else options.text
    if options.output is None and (sys.stdout.isatty() or options.json):
        raise TextError("say where the speech goes: -o OUT.wav, or pipe it into a player", param="output")
    synthesiser = load_synthesiser(engine_options(options))
    samples, figures = _spoken(synthesiser, text, options.voice, options.seed)
    if options.output is None:
        write_wav(sys.stdout.buffer, samples, int(figures["sample_rate"]))
        return 0
    write_wav(options.output, samples, int(figures["sample_rate"]))
    if options.json:
        print(json.dumps({"file": str(options.output), **figures}))
    else:
        print(f"{options.output}: {figures['duration']} s of speech", file=sys.stderr)
    return 0


def _spoken(synthesiser: TextToSpeech, text: str, voice: str | None, seed: int) -> tuple[Samples, dict[str, float]]:
    started, first, rate = time.perf_counter(), 0.0, 0
    parts: list[Samples] = []
    for event in speak(synthesiser, text, voice, seed):
        match event:
            case SpeechAudioStarted():
                rate = event.sample_rate
            case SpeechAudio():
                first = first or time.perf_counter() - started
                parts.append(event.samples)
            case _:
                pass
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    duration = len(samples) / max(rate, 1)
    figures = {
        "sample_rate": rate,
        "duration": round(duration, 3),
        "first_audio_s": round(first, 3),
        "rtf": round((time.perf_counter() - started) / max(duration, 1e-9), 3),
    }
    return samples, figures
