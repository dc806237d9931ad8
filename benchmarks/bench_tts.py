"""Does the voice say what it was given, all of it and nothing else, and how fast?

The same as `voxduct bench tts`; the figures are defined in `voxduct.bench.tts`.
"""

import sys

from voxduct.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", "tts", *sys.argv[1:]]))
