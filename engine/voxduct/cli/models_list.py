"""`voxduct models list`: embedded, pulled, and those with a short name that can be pulled."""

from __future__ import annotations

import argparse
import json

from voxduct.cli.arguments import Commands
from voxduct.errors import ExtraError
from voxduct.hub import DEFAULT_MODELS, Manifest, embedded
from voxduct.hub.bytes import human
from voxduct.hub.client import HubClient
from voxduct.hub.curated import CURATED, CuratedModel
from voxduct.hub.lyra import LYRA
from voxduct.hub.raw import RawModel
from voxduct.hub.store import list_pulled
from voxduct.hub.voices import VOICES, PublishedVoice


def register(actions: Commands) -> None:
    """Adds the action."""
    parser = actions.add_parser(
        "list", help="models that are here, and those to pull", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints a line for each model."""
    rows = [_manifest_row(manifest, "embedded") for manifest in embedded()]
    rows += [_manifest_row(manifest, "pulled") for manifest in pulled()]
    rows += [_curated_row(model) for model in CURATED.values()]
    rows += [_voice_row(voice) for voice in VOICES.values()]
    if all(row["name"] != LYRA.name for row in rows):
        rows.append(_raw_row(LYRA))
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        print(json.dumps(row) if options.json else _line(row, width))
    return 0


def pulled() -> list[Manifest]:
    """Models in the hub's cache; none where huggingface_hub is not installed."""
    try:
        return list_pulled(HubClient().cache)
    except ExtraError:
        return []


def _manifest_row(manifest: Manifest, source: str) -> dict[str, object]:
    return {
        "name": manifest.name,
        "kind": manifest.kind,
        "version": manifest.version,
        "license": manifest.license,
        "source": source,
        "default": source == "embedded" and manifest.name in DEFAULT_MODELS.values(),
        "bytes": manifest.size,
        "folder": str(manifest.folder),
    }


def _curated_row(model: CuratedModel) -> dict[str, object]:
    return {
        "name": model.alias,
        "kind": "asr",
        "license": model.license,
        "source": "hub",
        "repo_id": model.repo_id,
        "languages": model.languages,
        "parameters": model.parameters,
    }


def _voice_row(voice: PublishedVoice) -> dict[str, object]:
    return {
        "name": voice.alias,
        "kind": "codec-lm",
        "license": voice.license,
        "source": "hub",
        "repo_id": voice.repo_id,
        "languages": voice.languages,
        "parameters": voice.parameters,
    }


def _raw_row(model: RawModel) -> dict[str, object]:
    return {
        "name": model.name,
        "kind": model.kind,
        "license": model.license,
        "source": "hub",
        "repo_id": model.repo_id,
        "bytes": model.size,
    }


def _line(row: dict[str, object], width: int) -> str:
    match row:
        case {"bytes": int(count)}:
            size = human(count)
        case {"parameters": int(count)}:
            size = f"{count // 10**6} M weights"
        case _:
            size = ""
    mark = " default" if row.get("default") else ""
    return f"{row['name']!s:{width}}  {row['kind']!s:8}  {size:>14}  {row['license']!s:12}  {row['source']}{mark}"
