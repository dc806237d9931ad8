#!/usr/bin/env bash
# Writes what .venv holds now to requirements/constraints.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
{
  echo "# What set-up installs, exactly: every version that the checks ran with. Renew with \`make constraints\`."
  .venv/bin/python -m pip freeze --all --exclude-editable |
    grep -viE '^(resemblyzer|voxduct)|@|^pip=|^setuptools=' | sed 's/+cpu$//'
} > requirements/constraints.new
mv requirements/constraints.new requirements/constraints.txt
