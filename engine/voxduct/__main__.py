"""`python -m voxduct`."""

import sys

from voxduct.cli import main

if __name__ == "__main__":
    sys.exit(main())
