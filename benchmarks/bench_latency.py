"""How long after it was said is a word on the screen, and how long after `say` does speech begin?

The same as `voxduct bench latency`; the figures are defined in `voxduct.bench.latency`.
"""

import sys

from voxduct.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", "latency", *sys.argv[1:]]))
