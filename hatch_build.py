"""Puts into the wheel what is data rather than code: embedded models, web pages, the measuring clips.

Of a model, exactly the files that its `manifest.json` lists go in (and the manifest): a file that nobody verifies
is not shipped. An editable install needs none of it; the engine finds the checkout's own folders.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = {"clients/web": "voxduct/_web", "benchmarks/data": "voxduct/_bench"}


class DataHook(BuildHookInterface):  # type: ignore[misc]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the data files to a standard wheel."""
        if version != "standard":
            return
        included: dict[str, str] = build_data["force_include"]
        for manifest in sorted(Path(self.root, "models_onnx").glob("*/manifest.json")):
            for name in ["manifest.json", *json.loads(manifest.read_text())["files"]]:
                included[str(manifest.parent / name)] = f"voxduct/_models/{manifest.parent.name}/{name}"
        for source, target in FOLDERS.items():
            for path in sorted(Path(self.root, source).rglob("*")):
                if path.is_file():
                    included[str(path)] = f"{target}/{path.relative_to(Path(self.root, source)).as_posix()}"
