"""`voxduct models list|verify`: which models are here, and whether they are whole."""

from __future__ import annotations

import argparse
import json
import sys

from voxduct.cli.arguments import Commands
from voxduct.errors import ModelError
from voxduct.hub import DEFAULT_MODELS, Manifest, embedded, find, read_manifest, verify


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("models", help="list or verify models", description=__doc__, allow_abbrev=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    lister = actions.add_parser("list", help="the embedded models")
    lister.add_argument("--json", action="store_true", help="one JSON object a line")
    lister.set_defaults(run=run_list)
    verifier = actions.add_parser("verify", help="read every file and compare its checksum")
    verifier.add_argument("names", nargs="*", metavar="NAME", help="embedded models (default: all)")
    verifier.set_defaults(run=run_verify)


def run_list(options: argparse.Namespace) -> int:
    """Prints the embedded models."""
    defaults = set(DEFAULT_MODELS.values())
    for manifest in embedded():
        default = manifest.name in defaults
        if options.json:
            print(json.dumps(_row(manifest) | {"default": default}))
        else:
            size = f"{manifest.size / 1e6:.1f} MB"
            mark = "default" if default else ""
            print(f"{manifest.name:24} {manifest.kind:10} {manifest.version:8} {size:>9}  {manifest.license} {mark}")
    return 0


def _row(manifest: Manifest) -> dict[str, object]:
    return {
        "name": manifest.name,
        "kind": manifest.kind,
        "version": manifest.version,
        "license": manifest.license,
        "bytes": manifest.size,
        "folder": str(manifest.folder),
    }


def run_verify(options: argparse.Namespace) -> int:
    """Checks checksums; the first file that is wrong ends it."""
    manifests = [read_manifest(find(name)) for name in options.names] or embedded()
    if not manifests:
        raise ModelError("no embedded models are here; install voxduct from its wheel, or run in a checkout")
    for manifest in manifests:
        verify(manifest)
        print(f"{manifest.name}: {len(manifest.files)} files as they should be", file=sys.stderr)
    return 0
