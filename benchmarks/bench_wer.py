"""How many words does the recogniser get wrong?

The same as `voxduct bench wer` (figures: `voxduct.bench.wer`), but without `--clips` it hears the 500 clips of the
held-out synthetic set. They are spoken from their table, once, into benchmarks/.cache; espeak-ng, flite and festival
must be installed. `--quick` takes the first 100.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from voxduct.bench.clips import MANIFEST
from voxduct.cli import main

HERE = Path(__file__).parent
TABLE = HERE / "data" / "heldout_synthetic.tsv"
QUICK = ["--count", "100"]


def rendered() -> Path:
    """The folder of the held-out set; made when it is not there, and again when its table has changed."""
    folder = HERE / ".cache" / f"heldout-{hashlib.sha256(TABLE.read_bytes()).hexdigest()[:12]}"
    if not (folder / MANIFEST).exists():
        from voxduct_training.heldout import read_rows, write_clips

        print(f"speaking the held-out set into {folder}, once", file=sys.stderr)
        write_clips(read_rows(TABLE), folder)
    return folder


def arguments(given: list[str]) -> list[str]:
    """The arguments of `voxduct bench wer`."""
    given = [word for argument in given for word in (QUICK if argument == "--quick" else [argument])]
    return given if "--clips" in given else ["--clips", str(rendered()), *given]


if __name__ == "__main__":
    sys.exit(main(["bench", "wer", *arguments(sys.argv[1:])]))
