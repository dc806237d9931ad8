"""Puts into the wheel what is data rather than code: embedded models, web pages, the measuring clips.

Of a model, the files that its `manifest.json` lists go in: a file that nobody verifies is not shipped. Weights that
only trainings read stay out, of the folder and of the manifest alike. An editable install needs none of it; the
engine finds the checkout's own folders.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = {"clients/web": "voxduct/_web", "benchmarks/data": "voxduct/_bench"}
TRAINING_SUFFIX = ".safetensors"


class DataHook(BuildHookInterface):  # type: ignore[misc]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the data files to a standard wheel."""
        if version != "standard":
            return
        included: dict[str, str] = build_data["force_include"]
        self._manifests = tempfile.TemporaryDirectory()
        for manifest in sorted(Path(self.root, "models_onnx").glob("*/manifest.json")):
            self._include_model(manifest, included)
        for source, target in FOLDERS.items():
            for path in sorted(Path(self.root, source).rglob("*")):
                if path.is_file():
                    included[str(path)] = f"{target}/{path.relative_to(Path(self.root, source)).as_posix()}"

    def _include_model(self, manifest: Path, included: dict[str, str]) -> None:
        document = json.loads(manifest.read_text(encoding="utf-8"))
        folder, target = manifest.parent, f"voxduct/_models/{manifest.parent.name}"
        document["files"] = {name: sha for name, sha in document["files"].items() if not name.endswith(TRAINING_SUFFIX)}
        shipped = Path(self._manifests.name, f"{folder.name}.json")
        shipped.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        included[str(shipped)] = f"{target}/manifest.json"
        for name in document["files"]:
            included[str(folder / name)] = f"{target}/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes what `initialize` wrote."""
        if version == "standard":
            self._manifests.cleanup()
