#!/bin/sh
# The voice, after codec.sh: speech with phone times, alignment of the neural voice, code frames, language model,
# export. From nothing, or from the weights of an exported voice (--start models_onnx/voxduct-voice-en).
# Usage: training/runs/voice.sh [--profile tiny|full] [--minutes N] [--start F] [--codec F] [--more F]... [--work F]
#            [--out F]
# --more: speech of the voice `iris` with phone times, as `tinytts --phones` writes it; the aligner learns from it, too.
set -eu
cd "$(dirname "$0")/../.."
profile=full minutes=90 hours=12 work=training/work/voice out=models_onnx/voxduct-voice-en
start= codec=models_onnx/voxduct-codec-16k half= more=
while [ $# -gt 0 ]; do
    case "$1" in
    --profile) profile=$2 ;;
    --minutes) minutes=$2 ;;
    --start) start=$2 ;;
    --codec) codec=$2 ;;
    --more) more="$more $2" ;;
    --work) work=$2 ;;
    --out) out=$2 ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
data=${VOXDUCT_DATA:-../shared/data}
export PYTHONPATH="training:engine${PYTHONPATH:+:$PYTHONPATH}"
if [ "$profile" = tiny ]; then
    hours=0.1 minutes=0.5 work=${work}-tiny
    [ "$out" != models_onnx/voxduct-voice-en ] || out=$work/voice
    [ "$codec" != models_onnx/voxduct-codec-16k ] || codec=$work/codec
elif grep -q -e avx512_bf16 -e amx_bf16 /proc/cpuinfo 2>/dev/null; then
    half=--bf16
fi
python=${PYTHON:-python}
[ -e "$work/flite/index.jsonl" ] ||
    $python -m voxduct_training.voice_speech "$work/flite" --data "$data" --hours "$hours" --seed 2 \
        --extras 96 --extras-weight 30
[ -e "$work/flite/pitch.npz" ] || $python -m voxduct_training.codec_data pitch "$work/flite" --hours "$hours"
$python -m voxduct_training.code_lm_data "$codec" "$work/flite" "$work/flite.codes"
set -- "$work/flite.codes"
learn="--learn $work/flite"
for folder in $more; do
    codes=$work/$(basename "$folder").codes
    [ -e "$folder/pitch.npz" ] || $python -m voxduct_training.codec_data pitch "$folder" --hours 99
    [ -e "$codes" ] || $python -m voxduct_training.code_lm_data "$codec" "$folder" "$codes" --speaker iris \
        --warps 86 90 94 106 110 115
    learn="$learn --learn $folder"
    set -- "$@" "$codes"
done
if [ "$profile" = full ] && [ -d "$data/speech/neural" ]; then
    [ -e "$work/neural/index.jsonl" ] || $python -m voxduct_training.codec_data neural "$work/neural" --data "$data"
    # shellcheck disable=SC2086 # several words
    [ -e "$work/neural/aligned.jsonl" ] || $python -m voxduct_training.voice_align "$work/neural" $learn
    # That voice speaks so fast that its phones would last two frames.
    $python -m voxduct_training.code_lm_data "$codec" "$work/neural" "$work/neural.codes" \
        --index aligned.jsonl --stretch 1.35 --warps 88 93 107 113
    set -- "$@" "$work/neural.codes"
fi
if [ -n "$start" ]; then first="--start $start"; else first="--codec $codec"; fi
# shellcheck disable=SC2086 # two words or none
$python -m voxduct_training.code_lm_train "$work/lm.pt" "$@" $first $half --minutes "$minutes" --profile "$profile"
$python -m voxduct_training.voice_export "$out" "$work/lm.pt" "$@" --profile "$profile"
