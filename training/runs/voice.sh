#!/bin/sh
# The voice from nothing, after codec.sh: speech with phone times, alignment of the neural voice, code frames,
# language model, export. Usage: training/runs/voice.sh [--profile tiny|full] [--minutes N] [--work F] [--out F]
set -eu
cd "$(dirname "$0")/../.."
profile=full minutes=57 hours=10 work=training/work/voice out=models_onnx/voxduct-voice-en
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
data=${VOXDUCT_DATA:-../shared/data}
export PYTHONPATH=training
if [ "$profile" = tiny ]; then
    hours=0.1 minutes=0.5 work=${work}-tiny
    [ "$out" != models_onnx/voxduct-voice-en ] || out=$work/voice
fi
python=${PYTHON:-python}
[ -e "$work/flite/index.jsonl" ] ||
    $python -m voxduct_training.voice_speech "$work/flite" --data "$data" --hours "$hours" --seed 2
[ -e "$work/flite/pitch.npz" ] || $python -m voxduct_training.codec_data pitch "$work/flite" --hours "$hours"
$python -m voxduct_training.code_lm_data "$work/codec.pt" "$work/flite" "$work/flite.codes" --profile "$profile"
set -- "$work/flite.codes"
if [ "$profile" = full ] && [ -e "$work/neural/index.jsonl" ]; then
    [ -e "$work/neural/aligned.jsonl" ] || $python -m voxduct_training.voice_align "$work/neural"
    $python -m voxduct_training.code_lm_data "$work/codec.pt" "$work/neural" "$work/neural.codes" \
        --index aligned.jsonl --profile "$profile"
    set -- "$@" "$work/neural.codes"
fi
$python -m voxduct_training.code_lm_train "$work/lm.pt" "$@" --codec "$work/codec.pt" --minutes "$minutes" --profile "$profile"
$python -m voxduct_training.voice_export "$out" "$work/lm.pt" "$@" --profile "$profile"
