"""`voxduct transcribe`: files to text, captions, subtitles or JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from voxduct.asr.recordings.segments import Segment
from voxduct.audio import to_seconds
from voxduct.cli.arguments import Commands, add_engine_options, engine_options
from voxduct.cli.listening import Algorithm, add_decoding_options, listen, with_decoding_options
from voxduct.cli.recordings import Recording
from voxduct.cli.subtitles import subrip, webvtt
from voxduct.errors import AudioFormatError
from voxduct.events import CommittedText, FinalText, PartialText
from voxduct.loading import load_engine
from voxduct.session import Engine


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("transcribe", help="files to text", description=__doc__, allow_abbrev=False)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="WAV, FLAC, MP3 or Ogg")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one object per file, a line each")
    form.add_argument("--vtt", action="store_true", help="WebVTT subtitles (one file only)")
    form.add_argument("--srt", action="store_true", help="SubRip subtitles (one file only)")
    parser.add_argument("--words", action="store_true", help="times and probabilities of words")
    parser.add_argument("--stream", action="store_true", help="show committed text while it is recognised, on stderr")
    add_decoding_options(parser)
    add_engine_options(parser, speaks=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Transcribes the files in order; a file that cannot be read ends it before any work."""
    if (options.vtt or options.srt) and len(options.files) > 1:
        raise AudioFormatError("--vtt and --srt take one file; call once per file", param="FILE")
    recordings = [Recording(path) for path in options.files]
    engine = with_decoding_options(load_engine(engine_options(options), speaks=False), options)
    for recording in recordings:
        finals = _finals(engine, recording, options)
        print(_printed(recording, finals, options), flush=True)
    return 0


def _finals(engine: Engine, recording: Recording, options: argparse.Namespace) -> list[FinalText]:
    finals: list[FinalText] = []
    stream: bool = options.stream
    for event in listen(engine, recording.blocks(), Algorithm(options.algorithm)):
        if isinstance(event, Segment):
            event = _final(event, len(finals))
        match event:
            case FinalText() if event.words:
                finals.append(event)
                if stream:
                    print(f"{to_seconds(event.end):8.2f}  = {event.text}", file=sys.stderr, flush=True)
            case CommittedText() if stream:
                print(f"{to_seconds(event.words[-1].end):8.2f}  + {event.text}", file=sys.stderr, flush=True)
            case PartialText() if stream:
                print(f"{to_seconds(event.end):8.2f}  ? {event.text}", file=sys.stderr, flush=True)
            case _:
                pass
    return finals


def _final(segment: Segment, number: int) -> FinalText:
    confidence = sum(word.probability for word in segment.words) / max(len(segment.words), 1)
    language = segment.language
    return FinalText(number, segment.start, segment.end, segment.words, confidence, language.code, language.probability)


def _printed(recording: Recording, finals: list[FinalText], options: argparse.Namespace) -> str:
    if options.json:
        return json.dumps(_document(recording, finals), ensure_ascii=False)
    if options.vtt:
        return webvtt(finals).rstrip("\n")
    if options.srt:
        return subrip(finals).rstrip("\n")
    if options.words:
        words = [word for final in finals for word in final.words]
        return "\n".join(
            f"{to_seconds(word.start):8.2f} {to_seconds(word.end):8.2f} {word.probability:5.2f}  {word.text}"
            for word in words
        )
    return "\n".join(final.text for final in finals)


def _document(recording: Recording, finals: list[FinalText]) -> dict[str, object]:
    words = [word for final in finals for word in final.words]
    return {
        "file": str(recording.path),
        "text": " ".join(final.text for final in finals),
        "duration": round(recording.duration, 3),
        "language": finals[0].language if finals else None,
        "segments": [
            {
                "start": _seconds(final.start),
                "end": _seconds(final.end),
                "text": final.text,
                "confidence": round(final.confidence, 4),
                "language": final.language,
                "language_probability": round(final.language_probability, 4) if final.language else None,
            }
            for final in finals
        ],
        "words": [
            {
                "word": word.text,
                "start": _seconds(word.start),
                "end": _seconds(word.end),
                "probability": round(word.probability, 4),
            }
            for word in words
        ],
    }


def _seconds(position: int) -> float:
    return round(to_seconds(position), 3)
