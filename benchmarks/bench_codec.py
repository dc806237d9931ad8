"""What do our codec, Lyra and Opus send and cost, and what is left of speech that went through them?

The same as `voxduct bench codec`; the figures are defined in `voxduct.bench.codec_scores` and `voxduct.bench.fidelity`.
"""

import sys

from voxduct.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", "codec", *sys.argv[1:]]))
