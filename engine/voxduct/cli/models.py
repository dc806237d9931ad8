"""`voxduct models list|pull|verify|prepare|export`: which models are here, fetching and making others."""

from __future__ import annotations

import argparse
import sys

from voxduct.cli import models_export, models_list, models_prepare, models_pull
from voxduct.cli.arguments import Commands
from voxduct.errors import ModelError
from voxduct.hub import Manifest, embedded, read_manifest
from voxduct.hub.catalogue import LocalModel, ModelKind, resolve
from voxduct.hub.client import HubClient
from voxduct.hub.manifest import problems
from voxduct.hub.pull import find_here
from voxduct.hub.voices import find_pulled_voice, find_voice


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "models", help="list, pull, verify, prepare or export models", description=__doc__, allow_abbrev=False
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for action in (models_list, models_pull, models_prepare, models_export):
        action.register(actions)
    verifier = actions.add_parser(
        "verify", help="read every file and compare its checksum", description=run_verify.__doc__, allow_abbrev=False
    )
    verifier.add_argument(
        "names", nargs="*", metavar="MODEL", help="embedded or pulled models, or folders with a manifest (default: all)"
    )
    verifier.set_defaults(run=run_verify)


def run_verify(options: argparse.Namespace) -> int:
    """Reads every file of embedded and pulled models, and prints each that is missing or damaged."""
    manifests = [manifest for name in options.names for manifest in _named(name)]
    if not options.names:
        manifests = [*embedded(), *models_list.pulled()]
    if not manifests:
        raise ModelError("no models are here; install voxduct from its wheel, or run in a checkout")
    damaged = []
    for manifest in manifests:
        wrong = list(problems(manifest))
        if wrong:
            damaged.append(manifest.remedy)
            print("\n".join(wrong))
        else:
            print(f"{manifest.name}: {len(manifest.files)} files as they should be", file=sys.stderr)
    if damaged:
        raise ModelError(f"{len(damaged)} of {len(manifests)} models are damaged: {', '.join(damaged)}")
    return 0


def _named(name: str) -> list[Manifest]:
    if (found := find_voice(name)) is not None:
        return [find_pulled_voice(*found, HubClient())]
    match resolve(name, ModelKind.ASR):
        case LocalModel(folder):
            return [read_manifest(folder)]
        case model:
            return find_here(model, HubClient())
