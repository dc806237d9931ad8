from __future__ import annotations

import numpy as np

from voxduct.continuation.guard import DESPAIR, PATIENCE, QUIET, Remedy, SilenceGuard

FRAME = 320


def after(guard: SilenceGuard, samples: int, level: float = 0.0) -> Remedy:
    for _ in range(samples // FRAME):
        guard.feed(np.full(FRAME, level, np.float32))
    return guard.remedy()


def test_guard_short_silence_is_let_pass() -> None:
    assert after(SilenceGuard(), PATIENCE - FRAME) is Remedy.NONE


def test_guard_longer_silence_asks_for_sound_then_for_one_restart() -> None:
    guard = SilenceGuard()
    assert after(guard, PATIENCE) is Remedy.SOUND
    assert after(guard, DESPAIR - PATIENCE) is Remedy.RESTART
    assert after(guard, DESPAIR) is Remedy.SOUND


def test_guard_sound_ends_a_silence() -> None:
    guard = SilenceGuard()
    after(guard, DESPAIR)
    assert after(guard, FRAME, 2 * QUIET) is Remedy.NONE
    after(guard, PATIENCE)
    assert after(guard, DESPAIR) is Remedy.RESTART
