#!/bin/sh
# All that a training needs on a machine that can reach nothing (a GPU machine, say), in one folder under 60 MB.
# There: run.sh asr|codec|voice [options of the recipe]; see run.sh itself.
# Needs espeak-ng and flite (and festival with us-slt-hts, else the corpus does without it), a C compiler, and pip's
# index for seven wheels. Usage: training/runs/bundle.sh [OUT] [--for asr|voice] [--data F] [--quick]
#   asr (the default): run.sh asr, from the weights of voxduct-tiny-en or from nothing; voice: run.sh codec and voice
set -eu
cd "$(dirname "$0")/../.."
out=training/work/bundle
case "${1:-}" in '' | --*) ;; *) out=$1; shift ;; esac
data=${VOXDUCT_DATA:-../shared/data}
PYTHONPATH=training:engine${PYTHONPATH:+:$PYTHONPATH} ${PYTHON:-python} -m voxduct_training.bundle "$out" --data "$data" "$@"
