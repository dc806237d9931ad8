"""Runs the command: `python -m voxduct_client`."""

import sys

from voxduct_client.cli import main

sys.exit(main())
