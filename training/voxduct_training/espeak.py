"""espeak-ng in this process: speech and the time every word ends, through libespeak-ng."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
SYNCHRONOUS, RATE, PITCH, RANGE = 2, 1, 3, 4
CHARS_UTF8, POS_CHARACTER, EVENT_LIST_END, EVENT_WORD = 1, 1, 0, 1


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """One synthesiser per process; the library keeps global state."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = int(self._lib.espeak_Initialize(SYNCHRONOUS, 0, None, 0))
        if self.rate <= 0:
            raise RuntimeError("libespeak-ng did not start; is the espeak-ng data installed?")
        self._pieces: list[Samples] = []
        self._words: list[tuple[int, float]] = []
        self._keep = _CALLBACK(self._heard)
        self._lib.espeak_SetSynthCallback(self._keep)

    def _heard(self, wave: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        if wave and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wave, (count,)).astype(np.float32) / 32768)
        index = 0
        while events[index].type != EVENT_LIST_END:
            if events[index].type == EVENT_WORD:
                self._words.append((events[index].text_position - 1, events[index].audio_position / 1000))
            index += 1
        return 0

    def speak(
        self, text: str, voice: str, pitch: int, rate: int, intonation: int
    ) -> tuple[Samples, list[tuple[int, float]]]:
        """Samples at `self.rate`, and (character position, start second) of every word spoken."""
        self._pieces, self._words = [], []
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        for parameter, value in ((RATE, rate), (PITCH, pitch), (RANGE, intonation)):
            self._lib.espeak_SetParameter(parameter, value, 0)
        raw = text.encode()
        self._lib.espeak_Synth(raw, len(raw) + 1, 0, POS_CHARACTER, 0, CHARS_UTF8, None, None)
        self._lib.espeak_Synchronize()
        samples = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.float32)
        return samples, self._words


@cache
def espeak() -> Espeak:
    """The synthesiser of this process."""
    return Espeak()
