"""How many words does the recogniser get wrong?

The same as `voxduct bench wer` (figures: `voxduct.bench.wer`), but without `--clips` it hears the 500 clips of the
held-out synthetic set. They are spoken from their table, once, into benchmarks/.cache; espeak-ng, flite and festival
must be installed. `--quick` takes the first 100.
"""

from __future__ import annotations

import sys
from pathlib import Path

from voxduct.bench.clips import MANIFEST
from voxduct.cli import main

FOLDER = Path(__file__).parent / ".cache" / "heldout_synthetic"
QUICK = ["--count", "100"]


def rendered() -> Path:
    """The folder of the held-out set; made when it is not there."""
    if not (FOLDER / MANIFEST).exists():
        from voxduct_training.heldout import read_rows, write_clips

        print(f"speaking the held-out set into {FOLDER}, once", file=sys.stderr)
        write_clips(read_rows(), FOLDER)
    return FOLDER


def arguments(given: list[str]) -> list[str]:
    """The arguments of `voxduct bench wer`."""
    given = [word for argument in given for word in (QUICK if argument == "--quick" else [argument])]
    return given if "--clips" in given else ["--clips", str(rendered()), *given]


if __name__ == "__main__":
    sys.exit(main(["bench", "wer", *arguments(sys.argv[1:])]))
