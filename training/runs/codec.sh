#!/bin/sh
# The codec from nothing: speech by flite and espeak-ng (and the neural voice where the data folder has it), pitch,
# training, export; then its decoder is refined, with all other things as they were.
# Usage: training/runs/codec.sh [--profile tiny|full] [--minutes N] [--refine N] [--start FOLDER] [--more FOLDER]...
#            [--work FOLDER] [--out FOLDER]
# --start: an exported codec that is only refined. --more: further speech, as `tinytts --phones` writes it.
set -eu
cd "$(dirname "$0")/../.."
profile=full minutes=40 refine=60 hours=3.5 start= more= work=training/work/voice out=models_onnx/voxduct-codec-16k
while [ $# -gt 0 ]; do
    case "$1" in
    --profile) profile=$2 ;;
    --minutes) minutes=$2 ;;
    --refine) refine=$2 ;;
    --start) start=$2 ;;
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
    hours=0.05 minutes=0.5 refine=0.2 work=${work}-tiny
    [ "$out" != models_onnx/voxduct-codec-16k ] || out=$work/codec
fi
python=${PYTHON:-python}
mkdir -p "$work"
[ -e "$work/flite_codec/pitch.npz" ] || {
    $python -m voxduct_training.voice_speech "$work/flite_codec" --data "$data" --hours "$hours"
    $python -m voxduct_training.codec_data pitch "$work/flite_codec"
}
set -- --shard "$work/flite_codec" 0.65
if [ "$profile" = full ]; then
    [ -e "$work/espeak/pitch.npz" ] ||
        $python -m voxduct_training.codec_data espeak "$work/espeak" --data "$data" --hours 0.5
    set -- "$@" --shard "$work/espeak" 0.1
    if [ -d "$data/speech/neural" ]; then
        [ -e "$work/neural/pitch.npz" ] ||
            $python -m voxduct_training.codec_data neural "$work/neural" --data "$data"
        set -- "$@" --shard "$work/neural" 0.25
    fi
fi
if [ -z "$start" ]; then
    start=$work/codec
    $python -m voxduct_training.codec_train "$work/network.pt" "$@" --minutes "$minutes" --profile "$profile"
    groups=30
    [ "$profile" = full ] || groups=4
    $python -m voxduct_training.codec_fit "$work/network.pt" "$work/codec.pt" "$@" --groups $groups --profile "$profile"
    $python -m voxduct_training.codec_export "$start" --checkpoint "$work/codec.pt" --profile "$profile"
fi
for folder in $more; do
    [ -e "$folder/pitch.npz" ] || $python -m voxduct_training.codec_data pitch "$folder" --hours 99
    set -- "$@" --shard "$folder" 0.5
done
$python -m voxduct_training.codec_refine "$work/refined.pt" "$start" "$@" --minutes "$refine" --profile "$profile"
$python -m voxduct_training.codec_export "$out" --checkpoint "$work/refined.pt" --like "$start" --profile "$profile"
