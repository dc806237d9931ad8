#!/usr/bin/env bash
# Makes .venv ready for what is named and does nothing when it already is. Usage: tools/setup.sh run|test|bench|peers|train
#   run    what a user needs         test   run + everything the checks need
#   bench  run + independent ears    train  run + what the training recipes need
#   peers  run + the engines that `bench peers` compares
# Versions come from requirements/constraints.txt. PYTHON chooses the interpreter (3.11 or newer).
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-run}
case "$purpose" in
  run) extras="" ;;
  test) extras="[dev]" ;;
  bench) extras="[bench]" ;;
  train) extras="[train]" ;;
  peers) extras="[peers]" ;;
  *) echo "setup: '$purpose' is not one of run, test, bench, peers, train" >&2; exit 2 ;;
esac

say() { echo "setup: $*" >&2; }

# Downloads fail now and then: three tries, a little apart.
retry() {
  local try
  for try in 1 2 3; do
    "$@" && return 0
    say "try $try failed: $*"
    sleep $((try * 3))
  done
  return 1
}

python=${PYTHON:-python3}
if [ ! -x .venv/bin/python ]; then
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    { say "$python is not Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
  say "making .venv with $("$python" --version)"
  "$python" -m venv .venv || { say "python's venv module is missing; install python3-venv"; exit 1; }
fi

stamp=".venv/.voxduct-$purpose"
wanted=$(cat pyproject.toml requirements/constraints.txt "$0" | sha256sum | cut -d' ' -f1)
[ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0

say "installing voxduct$extras into .venv"
install() {
  retry .venv/bin/python -m pip install --quiet --disable-pip-version-check -c requirements/constraints.txt "$@" ||
    { say "pip could not install $*; is a package index reachable?"; exit 1; }
}
case "$purpose" in test | peers | train) install "torch==2.13.0" ;; esac # first and exact, so that nothing else picks one
install -e ".$extras"
if [ "$purpose" = bench ]; then
  # Resemblyzer names `webrtcvad` and `typing`, which do not build any more; what it really uses is installed here.
  install "torch==2.13.0" scipy librosa
  retry .venv/bin/python -m pip install --quiet --no-deps "resemblyzer==0.1.4" ||
    say "no Resemblyzer: the speaker distance will be left out of bench tts"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -c requirements/constraints.txt pesq ||
    say "no PESQ, which has to be compiled: it will be left out of bench codec"
fi
echo "$wanted" > "$stamp"
say "ready for $purpose"
