#!/bin/sh
# The recogniser from nothing: speech, tokenizer, training, export, evaluation.
# Needs libespeak-ng, libflite and festival with us-slt-hts. With an hour or more, run `voice.sh` first: its flite corpus
# and its codec frames are learnt from as well. With --start models_onnx/voxduct-tiny-en it goes on from those weights.
# Usage: training/runs/asr.sh [--profile tiny|full] [--minutes N] [--start F] [--work F] [--out F]
set -eu
cd "$(dirname "$0")/../.."
profile=full minutes=200 hours=30 processes=2 work=training/work/asr out=models_onnx/voxduct-tiny-en
start= half= how=
while [ $# -gt 0 ]; do
    case "$1" in
    --profile) profile=$2 ;;
    --minutes) minutes=$2 ;;
    --start) start=$2 ;;
    --work) work=$2 ;;
    --out) out=$2 ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
data=${VOXDUCT_DATA:-../shared/data} voice=training/work/voice
export PYTHONPATH=training OMP_NUM_THREADS=1
if [ "$profile" = tiny ]; then
    hours=0.1 minutes=1 work=${work}-tiny
    [ "$out" != models_onnx/voxduct-tiny-en ] || out=$work/model
elif grep -q -e avx512_bf16 -e amx_bf16 /proc/cpuinfo 2>/dev/null; then
    half=--bf16
fi
first=0 seed=1
if [ -n "$start" ]; then
    first=4 seed=2 how="--start $start --enter 0.45 --rate 0.6 --batch 1.8"
fi
python=${PYTHON:-python} table=$work/validation.tsv
mkdir -p "$work/shards" "$work/run"
$python -m voxduct_training.tokenizer "$work/tokenizer" --data "$data"
$python -m voxduct_training.heldout "$table" --part validation --count 60 --data "$data"
$python -m voxduct_training.corpus "$work/shards" --data "$data" --hours "$hours" --processes "$processes" \
    --first "$first" --seed "$seed" &
if [ "$profile" = full ]; then
    [ ! -d "$data/speech/neural" ] || $python -m voxduct_training.borrowed "$work/shards" --data "$data"
    [ ! -e "$voice/flite/index.jsonl" ] ||
        $python -m voxduct_training.borrowed "$work/shards" --data "$data" --flite "$voice/flite"
    for codes in "$voice"/*.codes; do
        [ ! -e "$codes" ] || $python -m voxduct_training.borrowed "$work/shards" --data "$data" --codes "$codes"
    done
fi
# shellcheck disable=SC2086 # several words or none
$python -m voxduct_training.train_recognizer "$work/run" $how $half --shards "$work/shards" --tokenizer "$work/tokenizer" \
    --minutes "$minutes" --processes "$processes"
wait
$python -m voxduct_training.export_recognizer "$out" --checkpoint "$work/run/last.pt" --newest --tokenizer "$work/tokenizer"
$python -m voxduct_training.evaluate_recognizer --onnx "$out" --tokenizer "$work/tokenizer" --rows "$table" --show 3
