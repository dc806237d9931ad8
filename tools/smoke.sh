#!/usr/bin/env bash
# Builds the wheel, installs it into an empty environment in another folder, and uses it there.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
.venv/bin/python -m build --wheel --outdir "$room/dist" . >"$room/build.log" 2>&1 ||
  { cat "$room/build.log" >&2; echo "smoke: the wheel does not build" >&2; exit 1; }
"$(.venv/bin/python -c 'import sys; print(sys._base_executable)')" -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check -c "$top/requirements/constraints.txt" "$room"/dist/*.whl
cd "$room"
venv/bin/voxduct --version
venv/bin/voxduct models verify
venv/bin/voxduct demo --quick
venv/bin/voxduct-client --help >/dev/null
echo "smoke: $(du -m "$room"/dist/*.whl | cut -f1) MB wheel works in an empty environment"
