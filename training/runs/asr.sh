#!/bin/sh
# The recogniser from nothing: speech, tokenizer, training, export, evaluation.
# Needs libespeak-ng, libflite and festival with us-slt-hts. With an hour or more, run `voice.sh` first: its flite corpus is
# learnt from as well. Usage: training/runs/asr.sh [--profile tiny|full] [--minutes N] [--work F] [--out F]
set -eu
cd "$(dirname "$0")/../.."
profile=full minutes=97 hours=12 processes=2 work=training/work/asr out=models_onnx/voxduct-tiny-en
while [ $# -gt 0 ]; do
    case "$1" in
    --profile) profile=$2 ;;
    --minutes) minutes=$2 ;;
    --work) work=$2 ;;
    --out) out=$2 ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
data=${VOXDUCT_DATA:-../shared/data} flite=training/work/voice/flite
export PYTHONPATH=training OMP_NUM_THREADS=1
if [ "$profile" = tiny ]; then
    hours=0.1 minutes=1 work=${work}-tiny
    [ "$out" != models_onnx/voxduct-tiny-en ] || out=$work/model
fi
python=${PYTHON:-python} table=$work/validation.tsv
mkdir -p "$work/shards" "$work/run"
$python -m voxduct_training.tokenizer "$work/tokenizer" --data "$data"
$python -m voxduct_training.heldout "$table" --part validation --count 60 --data "$data"
$python -m voxduct_training.corpus "$work/shards" --data "$data" --hours "$hours" --processes "$processes" &
if [ "$profile" = full ]; then
    [ ! -d "$data/speech/neural" ] || $python -m voxduct_training.borrowed "$work/shards" --data "$data"
    [ ! -e "$flite/index.jsonl" ] || $python -m voxduct_training.borrowed "$work/shards" --data "$data" --flite "$flite"
fi
$python -m voxduct_training.train_recognizer "$work/run" --shards "$work/shards" --tokenizer "$work/tokenizer" \
    --minutes "$minutes" --processes "$processes"
wait
$python -m voxduct_training.export_recognizer "$out" --checkpoint "$work/run/last.pt" --newest --tokenizer "$work/tokenizer"
$python -m voxduct_training.evaluate_recognizer --onnx "$out" --tokenizer "$work/tokenizer" --rows "$table" --show 3
