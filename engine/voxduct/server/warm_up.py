"""Runs every model once before the first client comes, so that it does not wait for what is only slow at first.

All but a second recogniser: nobody waits for that.
"""

from __future__ import annotations

import logging

import numpy as np

from voxduct.audio import SAMPLE_RATE, AudioFormat, float_to_pcm16
from voxduct.events import Failed
from voxduct.server.backend import Backend, Conversation

VOICE_HZ = 120  # of the buzz that passes for a voice
BUZZ_S = 1.5
TEXT = "Ready."

log = logging.getLogger(__name__)


def warm_up(backend: Backend) -> None:
    """Hears a buzz and says a word; some seconds of work. What goes wrong is logged: sessions will tell it better."""
    session = backend.open_session(AudioFormat(), None)
    session.receive_audio(_buzz())
    if backend.voices:
        session.receive_text("warm-up", TEXT, None)
    session.end_input()
    _run_to_rest(session)


def _run_to_rest(session: Conversation) -> None:
    while jobs := session.jobs():
        for job in jobs:
            try:
                result: object = job.run()
            except Exception as error:  # as the scheduler does
                result = error
            session.receive_result(job, result)
        for event in session.events():
            if isinstance(event, Failed):
                log.warning("warming up: %s", event.message)


def _buzz() -> bytes:
    """Something that a voice detector may take for a vowel: harmonics, getting louder and softer. s16le."""
    time = np.arange(int(BUZZ_S * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    harmonics = [np.sin(2 * np.pi * VOICE_HZ * number * time) / number for number in range(1, 20)]
    envelope = np.sin(np.pi * time / BUZZ_S) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    return float_to_pcm16((0.3 * np.sum(harmonics, axis=0) * envelope).astype(np.float32)).astype("<i2").tobytes()
