# Every target sets up what it needs (a virtual environment with pinned versions) and does nothing twice.
#   make demo    hear and see it work            make test    all checks, as CI runs them
PY := .venv/bin/python

.PHONY: demo test setup setup-test setup-bench setup-peers setup-train lint format types imports tests wheel bench constraints clean

demo: setup
	$(PY) -m voxduct demo

setup:
	@tools/setup.sh run

setup-test:
	@tools/debian.sh libportaudio2 mosquitto espeak-ng flite chromium
	@tools/setup.sh test

setup-bench: setup
	@tools/setup.sh bench

setup-peers:
	@tools/setup.sh peers

setup-train:
	@tools/debian.sh espeak-ng flite festival festvox-us-slt-hts
	@tools/setup.sh train

test: lint types imports tests wheel

lint: setup-test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: setup-test
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: setup-test
	$(PY) -m mypy

imports: setup-test
	.venv/bin/lint-imports

tests: setup-test
	$(PY) -m pytest

# Builds the wheel and tries it in an empty environment, in another folder.
wheel: setup-test
	tools/smoke.sh

bench: setup
	$(PY) -m voxduct bench latency
	$(PY) -m voxduct bench wer
	$(PY) -m voxduct bench tts

constraints: setup-test
	tools/constraints.sh

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
