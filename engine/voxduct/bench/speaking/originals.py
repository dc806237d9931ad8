"""How far is the voice behind what it learnt from? The same texts by others, heard by the same ear (PocketSphinx).

beside_wer             words wrong in the voice's own readings.
beside_wer_flite_slt   in those of flite's voice slt, a well-known rule-driven synthesiser.
beside_wer_original    in those of the synthesiser voice that ours learnt from, where it is one that is here.
beside_wer_resynthesis in the originals after they went through our codec: the best that the voice can do.
beside_behind          the voice's less the resynthesis'.
gate_resynthesis       whether that is at most MOST_BEHIND.

Without an ear, without flite, or for a voice with another origin what cannot be known is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from voxduct.audio import Samples
from voxduct.bench.ears import Ear, padded
from voxduct.bench.flite import LEARNT_FROM
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures, rounded
from voxduct.bench.scoring import WordErrors, word_errors
from voxduct.codec.stream import decode_all, encode_all
from voxduct.events import SpeechAudio
from voxduct.models import Codec
from voxduct.offline import speak
from voxduct.tts.synthesiser import Synthesiser

BESIDE = "slt"
MOST_BEHIND = 0.02

ReadAloud = Callable[[str, str], Samples]
"""(voice of flite, text) -> its reading, 16 kHz."""


def measure(
    synthesiser: Synthesiser,
    texts: Sequence[tuple[str, str]],
    voice: str,
    ear: Ear | None,
    read_aloud: ReadAloud | None,
) -> Figures:
    """Reads every text with everybody.

    Args:
        synthesiser: whose voice is judged, and whose codec is.
        texts: each as it is given, and the words it should be heard as.
        voice: its name.
        ear: who hears; None: nobody who is independent.
        read_aloud: flite; None: it is not here.
    """
    origin = LEARNT_FROM.get(voice)
    errors: dict[str, WordErrors] = {}
    for number, (text, written) in enumerate(tracked(texts, "beside") if ear else ()):
        assert ear is not None  # else there are no texts here
        readings = {"voice": _spoken(synthesiser, text, voice, number)}
        if read_aloud is not None:
            readings |= _by_flite(read_aloud, text, origin, synthesiser.codec)
        for name, samples in readings.items():
            errors[name] = errors.get(name, WordErrors()) + word_errors(written, ear(padded(samples)))
    return _figures(len(texts), {name: one.rate for name, one in errors.items()}, origin)


def _spoken(synthesiser: Synthesiser, text: str, voice: str, seed: int) -> Samples:
    return np.concatenate(
        [event.samples for event in speak(synthesiser, text, voice, seed) if isinstance(event, SpeechAudio)]
    )


def _by_flite(read_aloud: ReadAloud, text: str, origin: str | None, codec: Codec) -> dict[str, Samples]:
    readings = {BESIDE: read_aloud(BESIDE, text)}
    if origin is not None:
        original = readings[BESIDE] if origin == BESIDE else read_aloud(origin, text)
        longer = np.concatenate([original, np.zeros(codec.frame_size, np.float32)])  # the decoder lags by a frame
        readings |= {"original": original, "resynthesis": decode_all(encode_all(longer, codec), codec)}
    return readings


def _figures(texts: int, rates: Mapping[str, float], origin: str | None) -> Figures:
    ours, best = rates.get("voice"), rates.get("resynthesis")
    behind = None if ours is None or best is None else ours - best
    return {
        "beside_texts": texts,
        "beside_wer": rounded(ours),
        f"beside_wer_flite_{BESIDE}": rounded(rates.get(BESIDE)),
        "beside_original": None if origin is None else f"flite {origin}",
        "beside_wer_original": rounded(rates.get("original")),
        "beside_wer_resynthesis": rounded(best),
        "beside_behind": rounded(behind),
        "gate_resynthesis": None if behind is None else behind <= MOST_BEHIND,
    }
