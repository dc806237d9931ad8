"""Which streaming policy, delay and window suit a model: words wrong, latency and processor time of each.

Every setting hears the same two tapes on a virtual clock (`voxduct.bench.virtual`), so that no run waits for real time:
the ten demo clips, whose word ends are known, for latencies, and the 24 held-out clips for word errors and processor
time. `offline_wer_by_hangover` is what streaming is compared with: each utterance of the held-out tape heard whole.

    python benchmarks/bench_policy.py [--asr MODEL] [--policies P ...] [--updates MS ...] [--holds MS ...]
                                      [--windows MAX:KEEP ...] [--hangovers MS ...] [--cost 1.0] [--clips FOLDER]

commit_*      a word's end, as whoever made the clip knew it -> it was committed, milliseconds of virtual time.
final_*       the clip's last sound -> its final; `final_after_decision_*` from the moment the VAD decided.
rtf           processor seconds of all jobs per second of audio on the held-out tape, pauses included.
talking_rtf   the same per second of speech: what a stream costs that never pauses, less its finals.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from voxduct.asr.options import AsrOptions, StreamingPolicy
from voxduct.bench.bundled import bundled, demo_clips
from voxduct.bench.clips import Tape, join, read_clips
from voxduct.bench.latency import latencies
from voxduct.bench.live import Heard
from voxduct.bench.results import milliseconds, rounded
from voxduct.bench.scoring import word_errors
from voxduct.bench.virtual import Spent, VirtualSession
from voxduct.loading import EngineOptions, load_engine
from voxduct.models import JobKind
from voxduct.session import Engine, SessionOptions
from voxduct.vad import VadOptions

ONLY_FINALS_MS = 1_000_000  # before the first update: more than any utterance lasts


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    policy: StreamingPolicy
    update_ms: int
    hold_back_ms: int
    max_window_s: float
    keep_window_s: float
    hangover_ms: int

    def over(self, options: AsrOptions) -> AsrOptions:
        return replace(
            options,
            policy=self.policy,
            update_ms=self.update_ms,
            hold_back_ms=self.hold_back_ms,
            max_window_s=self.max_window_s,
            keep_window_s=self.keep_window_s,
        )


def measured(engine: Engine, setting: Setting, demo: Tape, heldout: Tape, cost: float) -> dict[str, object]:
    recogniser = engine.recogniser
    tuned = replace(engine, recogniser=recogniser.configured(setting.over(recogniser.options)))
    heard, _ = played(tuned, setting, demo, cost)
    found = latencies(demo, [heard])
    noisy, spent = played(tuned, setting, heldout, cost)
    speech = sum(final.end - final.start for _, final in noisy.finals)
    return {
        "policy": setting.policy.value,
        "update_ms": setting.update_ms,
        "hold_back_ms": setting.hold_back_ms,
        "window_s": f"{setting.max_window_s:g}:{setting.keep_window_s:g}",
        "hangover_ms": setting.hangover_ms,
        "wer": rounded(word_errors(heldout.text, noisy.text).rate),
        "demo_wer": rounded(found.errors.rate),
        "commit_p50_ms": milliseconds(found.commit, 50),
        "commit_p95_ms": milliseconds(found.commit, 95),
        "final_p50_ms": milliseconds(found.final, 50),
        "final_after_decision_p50_ms": milliseconds(found.final_after_decision, 50),
        "utterances": len(noisy.finals),
        "rtf": rounded(spent.total / heldout.seconds, 3),
        "talking_rtf": rounded((spent.total - spent.seconds.get(JobKind.FINAL, 0.0)) / speech, 3),
        "updates": spent.jobs.get(JobKind.UPDATE, 0),
    }


def played(engine: Engine, setting: Setting, tape: Tape, cost: float) -> tuple[Heard, Spent]:
    options = SessionOptions(vad=VadOptions(hangover_ms=setting.hangover_ms))
    session = VirtualSession(engine, cost, options)
    return session.play(tape), session.spent


def offline(engine: Engine, tape: Tape, hangover_ms: int) -> float:
    """WER of final passes alone: the utterances that the VAD cuts, each heard whole in one window."""
    recogniser = engine.recogniser
    options = replace(recogniser.options, first_update_ms=ONLY_FINALS_MS, max_window_s=30.0)
    alone = replace(engine, recogniser=recogniser.configured(options))
    session = VirtualSession(alone, 0.0, SessionOptions(vad=VadOptions(hangover_ms=hangover_ms)))
    return word_errors(tape.text, session.play(tape).text).rate


def _window(text: str) -> tuple[float, float]:
    longest, _, kept = text.partition(":")
    return float(longest), float(kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asr", metavar="MODEL")
    parser.add_argument("--clips", type=Path, default=bundled("heldout_clips"))
    parser.add_argument("--policies", nargs="+", type=StreamingPolicy, default=list(StreamingPolicy))
    parser.add_argument("--updates", nargs="+", type=int, default=[400])
    parser.add_argument("--holds", nargs="+", type=int, default=[200])
    parser.add_argument("--windows", nargs="+", type=_window, metavar="MAX:KEEP")
    parser.add_argument("--hangovers", nargs="+", type=int, default=[VadOptions().hangover_ms])
    parser.add_argument("--cost", type=float, default=1.0, help="0: as if the machine were infinitely fast")
    options = parser.parse_args()
    engine = load_engine(EngineOptions(asr=options.asr), speaks=False)
    clips = read_clips(options.clips)
    demo, heldout = join(demo_clips()), join(clips)
    own = engine.recogniser.options
    windows = options.windows or [(own.max_window_s, own.keep_window_s)]
    rows = []
    settings = itertools.product(options.policies, options.updates, options.holds, windows, options.hangovers)
    for policy, update, hold, (longest, kept), hangover in settings:
        setting = Setting(policy, update, hold, longest, kept, hangover)
        rows.append(measured(engine, setting, demo, heldout, options.cost))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    whole = {str(ms): rounded(offline(engine, heldout, ms)) for ms in options.hangovers}
    figures = {"asr": options.asr or "default", "cost": options.cost, "offline_wer_by_hangover": whole}
    print(json.dumps({**figures, "settings": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
