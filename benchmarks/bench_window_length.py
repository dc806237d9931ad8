"""How many words does a shorter window cost? WER by the length that every window is padded to.

An encoder of dynamic length hears an utterance and a short tail of silence; Whisper learnt on windows of 30 s. Each
clip is recognised offline with windows padded to at least so many seconds; 0 is the utterance's own length (and the
tail that every final pass has), 30 what an untouched export does. `loss` is in WER points against the longest.

    python benchmarks/bench_window_length.py [--clips FOLDER] [--count N] [--asr MODEL] [--seconds 0 1 2.5 5 10 20 30]

Without `--clips` the 24 held-out clips beside this file are heard; bench_wer.py makes the 500 of the held-out
synthetic set in benchmarks/.cache.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from voxduct.bench.clips import read_clips
from voxduct.bench.wer import measure_offline
from voxduct.loading import EngineOptions, load_engine
from voxduct.session import Engine

SECONDS = (0.0, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0)


def padded(engine: Engine, seconds: float) -> Engine:
    """The same models; every window is at least so long."""
    recogniser = engine.recogniser
    options = replace(recogniser.options, min_window_ms=round(1000 * seconds))
    return replace(engine, recogniser=recogniser.configured(options))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=Path(__file__).parent / "data" / "heldout_clips")
    parser.add_argument("--count", type=int, help="only the first so many clips")
    parser.add_argument("--asr", metavar="MODEL")
    parser.add_argument("--seconds", type=float, nargs="+", default=list(SECONDS))
    options = parser.parse_args()
    clips = read_clips(options.clips)[: options.count]
    engine = load_engine(EngineOptions(asr=options.asr), speaks=False)
    curve = []
    for seconds in sorted(options.seconds):
        figures, _ = measure_offline(padded(engine, seconds), clips)
        curve.append({"seconds": seconds, "wer": figures["wer"], "rtf": figures["rtf"]})
        print(curve[-1], file=sys.stderr)
    longest = curve[-1]["wer"]
    for point in curve:
        point["loss"] = round(100 * (point["wer"] - longest), 2)
    print(json.dumps({"clips": len(clips), "asr": options.asr or "default", "curve": curve}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
