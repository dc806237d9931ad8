"""How many people can talk at once before words come late?

The same as `voxduct bench load`; the figures are defined in `voxduct.bench.load`.
"""

import sys

from voxduct.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", "load", *sys.argv[1:]]))
