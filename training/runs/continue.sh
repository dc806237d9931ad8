#!/bin/sh
# The continuation (`voxduct continue`), after codec.sh: speech of many voices, tones and melodies -> codes and what the
# recogniser's encoder hears -> clusters, semantic model, acoustic model, export.
# Usage: training/runs/continue.sh [--profile tiny|full] [--minutes N] [--hours N] [--codec F] [--encoder F]
#            [--voice F|none] [--more FOLDER]... [--work F] [--out F]
# --minutes: of training, a quarter for the semantic model. --hours: of rule-synthesised speech. --voice: whose weights
# the acoustic model begins with. --more: further speech, as `voice_speech` or `tinytts --phones` write it.
set -eu
cd "$(dirname "$0")/../.."
profile=full minutes=45 hours=5 work=training/work/continue out=models_onnx/voxduct-continue more=
codec=models_onnx/voxduct-codec-16k encoder= voice=models_onnx/voxduct-voice-en
while [ $# -gt 0 ]; do
    case "$1" in
    --profile) profile=$2 ;;
    --minutes) minutes=$2 ;;
    --hours) hours=$2 ;;
    --codec) codec=$2 ;;
    --encoder) encoder=$2 ;;
    --voice) voice=$2 ;;
    --more) more="$more $2" ;;
    --work) work=$2 ;;
    --out) out=$2 ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
data=${VOXDUCT_DATA:-../shared/data}
export PYTHONPATH="training:engine${PYTHONPATH:+:$PYTHONPATH}"
python=${PYTHON:-python} sounds=0.5
if [ "$profile" = tiny ]; then
    sounds=0.02 voice=none work=${work}-tiny
    [ "$minutes" != 45 ] || minutes=0.2
    [ "$out" != models_onnx/voxduct-continue ] || out=$work/continue
fi
# Frozen: a recogniser that is trained on would say other things to the same sound.
[ -n "$encoder" ] || encoder=$out/onnx/semantic_encoder_int8.onnx
[ -e "$encoder" ] || encoder=models_onnx/voxduct-tiny-en/onnx/encoder_model_int8.onnx
mkdir -p "$work"
folders="$work/sounds"
[ -e "$work/sounds/index.jsonl" ] || $python -m voxduct_training.continue_sounds "$work/sounds" --hours $sounds
if [ "$profile" = full ]; then
    folders="$folders $work/flite$more"
    [ -e "$work/flite/index.jsonl" ] || $python -m voxduct_training.voice_speech "$work/flite" --data "$data" \
        --hours "$hours" --seed 11 --extras 96 --extras-weight 38
    if [ -d "$data/speech/neural" ]; then
        folders="$folders $work/neural"
        [ -e "$work/neural/index.jsonl" ] || $python -m voxduct_training.codec_data neural "$work/neural" --data "$data"
    fi
fi
set --
for folder in $folders; do
    clips=$work/$(basename "$folder").clips
    [ -e "$folder/pitch.npz" ] || $python -m voxduct_training.codec_data pitch "$folder" --hours 99
    [ -e "$clips" ] || $python -m voxduct_training.continue_data "$codec" "$encoder" "$folder" "$clips" --speaker nova
    set -- "$@" "$clips"
done
[ -e "$work/semantic.npz" ] || $python -m voxduct_training.continue_train clusters "$work" "$@"
if [ "$voice" = none ]; then first="--codec $codec"; else first="--voice $voice"; fi
$python -m voxduct_training.continue_train semantic "$work" "$@" --profile "$profile" \
    --minutes "$(echo "$minutes" | awk '{ print $1 / 4 }')"
# shellcheck disable=SC2086 # two words
$python -m voxduct_training.continue_train acoustic "$work" "$@" --profile "$profile" $first \
    --minutes "$(echo "$minutes" | awk '{ print $1 * 3 / 4 }')"
$python -m voxduct_training.continue_export "$out" "$work" "$@" --encoder "$encoder" --profile "$profile"
