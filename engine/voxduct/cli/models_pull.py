"""`voxduct models pull`: from a hub or a folder to a whole model on this machine."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from voxduct.cli.arguments import Commands
from voxduct.errors import MessageError
from voxduct.hub import Manifest
from voxduct.hub.catalogue import LocalModel, ModelKind, resolve
from voxduct.hub.client import HubClient, HubOptions
from voxduct.hub.lyra import LYRA
from voxduct.hub.pull import DEFAULT_PRECISION, pull, pull_folder
from voxduct.hub.raw import pull_raw
from voxduct.hub.store import assemble
from voxduct.hub.voices import find_voice, pull_voice
from voxduct.onnx.prompted_layout import choose_codec, choose_lm
from voxduct.onnx.whisper_layout import PRECISIONS, choose_files

LYRA_URL_VARIABLE = "VOXDUCT_LYRA_URL"
"""Where Lyra's repository is to be read instead: the address that `lyra/model_coeffs` is below."""


def register(actions: Commands) -> None:
    """Adds the action."""
    parser = actions.add_parser(
        "pull", help="fetch a Whisper, a voice or Lyra's codec", description=__doc__, allow_abbrev=False
    )
    parser.add_argument(
        "model", metavar="MODEL", help=f"an alias, owner/name[@REVISION][:PRECISION], a folder, or {LYRA.name}"
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, help=f"of the graphs, or the nearest there is (default {DEFAULT_PRECISION})"
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="also put the files here, to be taken elsewhere")
    parser.add_argument("--offline", action="store_true", help="take only what the cache has, as HF_HUB_OFFLINE=1 does")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the folder of the model; what goes on goes to stderr."""
    if options.to is not None:
        check_new(options.to)
    if options.model == LYRA.name:
        print_made(_pull_lyra(options), options.json)
        return 0
    if (found := find_voice(options.model)) is not None:
        voice, precision = found
        client = HubClient(HubOptions(offline=options.offline))
        wanted = options.precision or precision
        manifest = pull_voice(voice, wanted, choose_lm, choose_codec, client, report)
        print_made(manifest if options.to is None else _copy(manifest, options.to), options.json)
        return 0
    place = resolve(options.model, ModelKind.ASR)
    precision = options.precision or place.precision or DEFAULT_PRECISION
    match place:
        case LocalModel(folder):
            manifest = pull_folder(folder, options.to, choose_files, precision, report)
        case model:
            client = HubClient(HubOptions(offline=options.offline))
            manifest = pull(replace(model, precision=precision), choose_files, client, report)
            if options.to is not None:
                manifest = pull_folder(manifest.folder, options.to, choose_files, precision, report)
    print_made(manifest, options.json)
    return 0


def _pull_lyra(options: argparse.Namespace) -> Manifest:
    if options.precision is not None:
        raise MessageError(f"{LYRA.name} is of one precision only; leave out --precision", param="precision")
    client = HubClient(HubOptions(offline=options.offline))
    address = os.environ.get(LYRA_URL_VARIABLE) or None
    manifest = pull_raw(LYRA, client.cache, report, address=address, offline=client.offline)
    return manifest if options.to is None else _copy(manifest, options.to)


def _copy(manifest: Manifest, to: Path) -> Manifest:
    files = {name: manifest.folder / name for name in manifest.files}
    return assemble(to, manifest.name, manifest.version, manifest.license, files, kind=manifest.kind)


def check_new(folder: Path) -> None:
    """Raises MessageError when there is something in the folder: it would be replaced."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise MessageError(f"{folder} is there already and not empty; name a new folder", param=str(folder))


def print_made(manifest: Manifest, as_json: bool) -> None:
    """Prints the folder of a model that was made, or all about it as one JSON object."""
    row = {
        "name": manifest.name,
        "version": manifest.version,
        "license": manifest.license,
        "bytes": manifest.size,
        "folder": str(manifest.folder),
        "files": sorted(manifest.files),
    }
    print(json.dumps(row) if as_json else manifest.folder)


def report(line: str) -> None:
    """Says on stderr what goes on."""
    print(line, file=sys.stderr, flush=True)
