"""The command `voices`: a server's voices, and one more."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from voxduct_client.hear import Target
from voxduct_client.voices import VoiceInfo, Voices


def add_voices_commands(command: argparse.ArgumentParser, server: argparse.ArgumentParser) -> None:
    """`list`, `show`, `add` and `remove`."""
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", parents=[server], help="print the voices").add_argument(
        "--json", action="store_true", help="one line of JSON per voice"
    )
    verbs.add_parser("show", parents=[server], help="print what is known of a voice, as JSON").add_argument(
        "name", metavar="NAME"
    )
    add = verbs.add_parser("add", parents=[server], help="make a voice from a recording of somebody who agreed")
    add.add_argument("name", metavar="NAME", help="a to z, 0 to 9, - and _")
    add.add_argument("clip", type=Path, metavar="CLIP", help="3 to 60 s of one person: WAV, FLAC, MP3 or Ogg")
    add.add_argument("--consent", required=True, metavar="TEXT", help="that the speaker agrees, in words; it is kept")
    add.add_argument("--by", default="", metavar="WHO", help="who says so (default: this client's address)")
    add.add_argument("--transcript", default="", metavar="TEXT", help="what is said in the recording")
    verbs.add_parser("remove", parents=[server], help="delete a voice").add_argument("name", metavar="NAME")


async def run_voices(target: Target, parsed: argparse.Namespace) -> None:
    """Does what was asked for. Raises as `Voices` does."""
    voices = Voices(target.url, token=target.token)
    match parsed.verb:
        case "list":
            for voice in await voices.list():
                print(json.dumps({"name": voice.name, "own": voice.own}) if parsed.json else _line(voice))
        case "show":
            print(json.dumps(asdict(await voices.show(parsed.name)), ensure_ascii=False))
        case "add":
            made = await voices.add(
                parsed.name, parsed.clip, consent=parsed.consent, by=parsed.by, transcript=parsed.transcript
            )
            print(f"{made.name}: made from {made.speech_s:.1f} s of speech", file=sys.stderr)
        case _:
            await voices.remove(parsed.name)


def _line(voice: VoiceInfo) -> str:
    return f"{voice.name}\t{'made ' + voice.created if voice.own else 'shipped'}"
