"""flite in this process: speech and the times every word begins and ends, through libflite."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
VOICES = ("slt", "rms", "awb", "kal16", "kal")
BEFORE_FIRST_SEGMENT = b"daughter1.R:SylStructure.daughter1.daughter1.R:Segment.p.end"
LAST_SEGMENT = b"daughtern.R:SylStructure.daughtern.daughtern.R:Segment.end"


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class _Voice(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


class Flite:
    """The built-in English voices."""

    def __init__(self) -> None:
        self._lib = self._library()
        self._lib.flite_init()
        self._voices = {name: self._load(name) for name in VOICES}

    @staticmethod
    def _library() -> ctypes.CDLL:
        lib = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        for name in ("usenglish", "cmulex"):
            ctypes.CDLL(f"libflite_{name}.so.1", mode=ctypes.RTLD_GLOBAL)
        pointer = ctypes.c_void_p
        signatures = {
            "flite_synth_text": (pointer, [ctypes.c_char_p, pointer]),
            "utt_wave": (ctypes.POINTER(_Wave), [pointer]),
            "utt_relation": (pointer, [pointer, ctypes.c_char_p]),
            "relation_head": (pointer, [pointer]),
            "item_next": (pointer, [pointer]),
            "flite_ffeature_float": (ctypes.c_float, [pointer, ctypes.c_char_p]),
            "feat_set_float": (None, [pointer, ctypes.c_char_p, ctypes.c_float]),
            "delete_utterance": (None, [pointer]),
        }
        for name, (result, arguments) in signatures.items():
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
        return lib

    @staticmethod
    def _load(name: str) -> ctypes.c_void_p:
        register = getattr(ctypes.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
        register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
        return ctypes.c_void_p(register(None))

    def speak(
        self, text: str, voice: str, pitch: float, stretch: float
    ) -> tuple[Samples, int, list[tuple[float, float]]]:
        """Samples, their rate, and the seconds between which the phones of every token lie, pauses left out."""
        handle = self._voices[voice]
        features = ctypes.cast(handle, ctypes.POINTER(_Voice)).contents.features
        self._lib.feat_set_float(features, b"duration_stretch", stretch)
        self._lib.feat_set_float(features, b"int_f0_target_mean", pitch)
        utterance = self._lib.flite_synth_text(text.encode(), handle)
        wave = self._lib.utt_wave(utterance).contents
        samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).astype(np.float32) / 32768
        rate, spans = wave.sample_rate, []
        token = self._lib.relation_head(self._lib.utt_relation(utterance, b"Token"))
        while token:
            start, end = (
                float(self._lib.flite_ffeature_float(token, path)) for path in (BEFORE_FIRST_SEGMENT, LAST_SEGMENT)
            )
            spans.append((start, end))
            token = self._lib.item_next(token)
        self._lib.delete_utterance(utterance)
        return samples, rate, spans


@cache
def flite() -> Flite:
    """The synthesiser of this process."""
    return Flite()
