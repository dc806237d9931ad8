"""How many words does the recogniser hear where nobody speaks?

The same as `voxduct bench noise` (figures: `voxduct.bench.noise`), for an hour of each kind where nothing else is
asked; `--quick` hears a minute of each.
"""

from __future__ import annotations

import sys

from voxduct.cli import main

HOUR, QUICK = ["--minutes", "60"], ["--minutes", "1"]


def arguments(given: list[str]) -> list[str]:
    """The arguments of `voxduct bench noise`."""
    given = [word for argument in given for word in (QUICK if argument == "--quick" else [argument])]
    return given if "--minutes" in given else [*HOUR, *given]


if __name__ == "__main__":
    sys.exit(main(["bench", "noise", *arguments(sys.argv[1:])]))
