#!/bin/sh
# Unpacks the archives beside it and runs a recipe of training/runs with what they hold; nothing is fetched.
# Started again with the same arguments, an interrupted run goes on.
# Usage: run.sh asr|codec|voice|check [--minutes N] [--out F] [the recipe's other options]
#   asr     --minutes is the whole budget (default 25): synthesis beside training, then weights and evaluation.
#           From voxduct-tiny-en's weights unless --start '' is given; on a GPU where torch finds one.
#   check   only unpacks, and says what is used
# The work goes to $VOXDUCT_WORK (default /tmp/voxduct-work), the log to OUT.log. PYTHON chooses the Python (python3).
set -eu
[ $# -gt 0 ] || { sed -n '2,9s/^# //p' "$0"; exit 2; }
recipe=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
work=${VOXDUCT_WORK:-/tmp/voxduct-work}
PYTHON=${PYTHON:-python3}
export PYTHON
mkdir -p "$work"
work=$(cd "$work" && pwd)
case "$recipe:$(cat "$here/purpose")" in
asr:asr | codec:voice | voice:voice | check:*) ;;
*) echo "run.sh: this bundle is not for $recipe; make one with bundle.sh --for" >&2; exit 2 ;;
esac

packed=$(cksum "$here/payload.tar" "$here/neural.tar" | cut -d ' ' -f 1-2)
if [ "$packed" != "$(cat "$work/unpacked" 2>/dev/null)" ]; then
    rm -rf "$work/voxduct" "$work/data" "$work/root" "$work/site"
    # Python unpacks, because not every machine has xz
    "$PYTHON" - "$work" "$here/payload.tar" "$here/neural.tar" <<'END'
import sys, tarfile
for name in sys.argv[2:]:
    with tarfile.open(name) as archive:
        archive.extractall(sys.argv[1], filter="data")
END
    echo "$packed" > "$work/unpacked"
fi

export VOXDUCT_DATA="$work/data" ESPEAK_DATA_PATH="$work/root" PATH="$work/root/bin:$PATH"
export LD_LIBRARY_PATH="$work/root/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" VOXDUCT_TINYTTS="$work/root/tiny_tts-0.2.0"
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A Python that has the packages uses its own: those of the bundle are for 3.12.
if ! "$PYTHON" -c 'import jiwer, msgspec, soundfile, soxr' 2>/dev/null; then
    export PYTHONPATH="$work/site${PYTHONPATH:+:$PYTHONPATH}"
    "$PYTHON" -c 'import jiwer, msgspec, soundfile, soxr'
fi
cd "$work/voxduct"
if [ "$recipe" = check ]; then
    PYTHONPATH="training:engine${PYTHONPATH:+:$PYTHONPATH}" exec "$PYTHON" -m voxduct_training.bundle_check
fi

minutes=25 out=$work/$recipe-out
for argument; do # --minutes and --out are taken out, the rest is the recipe's
    shift
    case "${wanted:-}" in
    minutes) minutes=$argument wanted= ; continue ;;
    out) out=$argument wanted= ; continue ;;
    esac
    case "$argument" in
    --minutes) wanted=minutes ;;
    --out) wanted=out ;;
    *) set -- "$@" "$argument" ;;
    esac
done
case "$out" in /*) ;; *) out=${OLDPWD:-$here}/$out ;; esac
mkdir -p "$out"
if [ "$recipe" = asr ]; then
    cores=$(nproc) how=
    if "$PYTHON" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
        loaders=$((cores > 4 ? cores - 3 : 1))
        how="--device cuda --loaders $loaders --synthesisers $((cores > 2 ? cores - 2 : 1)) --hours 200 --batch 12"
    fi
    # shellcheck disable=SC2086 # several words or none
    set -- --budget "$minutes" --start models_onnx/voxduct-tiny-en $how "$@"
else
    set -- --minutes "$minutes" "$@"
fi
echo "$recipe: minutes $minutes, work $work, out $out"
status=$work/$recipe.status
{
    code=0
    sh "training/runs/$recipe.sh" --work "$work/$recipe" --out "$out" "$@" 2>&1 || code=$?
    echo $code > "$status"
} | tee -a "$out.log"
exit "$(cat "$status")"
