"""Which voice is meant by `--voice`: a shipped one, one of one's own, a mixture, or a clip of somebody."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from voxduct.cli.arguments import engine_options
from voxduct.errors import VoiceError
from voxduct.loading import load_enroller, load_shelf
from voxduct.tts.shaping.mixture import names_mixture, parse_mixture
from voxduct.tts.text_to_speech import TextToSpeech
from voxduct.voices.enrolment import Enroller, run_enrolment
from voxduct.voices.sound import read_sound
from voxduct.voices.store import NAME, VoiceStore


def add_voices_option(parser: argparse.ArgumentParser) -> None:
    """Where one's own voices are."""
    parser.add_argument(
        "--voices",
        type=Path,
        metavar="FOLDER",
        default=default_folder(),
        help="where voices of your own are kept (default %(default)s)",
    )


def default_folder() -> Path:
    """`voxduct/voices` among the user's data."""
    data = os.environ.get("XDG_DATA_HOME", "")
    return (Path(data) if os.path.isabs(data) else Path.home() / ".local" / "share") / "voxduct" / "voices"


def choose_voice(options: argparse.Namespace, synthesiser: TextToSpeech) -> str | None:
    """The name to speak with, of a voice or mixture that is made or loaded first if it has to be.

    Raises:
        VoiceError: neither a voice, nor a mixture, nor a file. ClipError: no voice can be made from the file.
        ModelError: a voice of one's own, or a clip, for a published model, which takes none.
    """
    wanted: str | None = options.voice
    if wanted is None or wanted in synthesiser.voices:
        return wanted
    store = VoiceStore(options.voices)
    path = Path(wanted)
    names = parse_mixture(wanted).names if names_mixture(wanted) and not path.is_file() else (wanted,)
    kept = [name for name in names if name not in synthesiser.voices and NAME.fullmatch(name) and name in store]
    if kept:
        _load(options, synthesiser, store, kept)
    if kept or len(names) > 1:
        return wanted
    if not path.is_file():
        known = ", ".join([*synthesiser.voices, *store.names()])
        raise VoiceError(f"{wanted!r} is neither a voice nor a sound file; the voices are {known}", param="voice")
    return _enrol(load_enroller(engine_options(options), synthesiser), path)


def _load(options: argparse.Namespace, synthesiser: TextToSpeech, store: VoiceStore, names: Sequence[str]) -> None:
    enroller = load_enroller(engine_options(options), synthesiser)
    shelf = load_shelf(enroller, store.folder)
    for name in names:
        enroller.synthesiser.add(shelf.ready(store.load(name)).primed)


def _enrol(enroller: Enroller, path: Path) -> str:
    name = f"clip:{path.name}"  # no stored voice can have such a name
    enrolled = run_enrolment(enroller.begin(name, lambda: read_sound(path, enroller.options.max_s)))
    enroller.synthesiser.add(enrolled.primed)
    return name
