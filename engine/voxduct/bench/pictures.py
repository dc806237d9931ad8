"""Pictures by matplotlib, where that is installed."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from voxduct.errors import ExtraError, ServerError


def require_matplotlib(option: str) -> None:
    """Raises ExtraError where it is not installed: before hours of work, not after. `option` asks for a picture."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ExtraError(f"{option} needs the package matplotlib: pip install 'voxduct[bench]'")


def pyplot(option: str) -> Any:
    """matplotlib.pyplot without a screen. Raises ExtraError as `require_matplotlib`."""
    require_matplotlib(option)
    importlib.import_module("matplotlib").use("Agg")
    return importlib.import_module("matplotlib.pyplot")


def save(picture: Any, path: Path, **how: Any) -> None:
    """Writes a figure and lets go of it; `how` as `Figure.savefig` has it.

    Raises:
        ServerError: the file cannot be written, or is of a kind that matplotlib does not know.
    """
    picture.tight_layout()
    try:
        picture.savefig(path, **how)
    except (OSError, ValueError) as error:
        raise ServerError(f"{path} cannot be written: {error}") from error
    finally:
        importlib.import_module("matplotlib.pyplot").close(picture)
