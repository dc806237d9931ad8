"""How lively is a voice? What pitch, pace, pauses and spectrum do over a set of utterances, and the same of people.

pitch_hz              median of voiced moments.
pitch_range_st        from the 5th to the 95th percentile of pitch, in semitones from each utterance's own median.
pitch_sd_st           its standard deviation.
slope_statements, slope_questions
                      semitones a second in the last 300 ms that are voiced, median; yes-or-no questions should rise.
phones_per_s, syllables_per_s
                      phones that the text has, and peaks of loudness that were found (de Jong & Wempe, 2009), for each
                      second that is no pause.
phone_cv              standard deviation of the phones' durations / their mean, pauses left out; None where nobody
                      knows the durations.
syllable_cv           the same of the time from one peak of loudness to the next, where no pause is in between.
pause_share, pause_ms share of the time from the first sound to the last that is silent for 150 ms or longer at a
                      stretch, and how long that lasts, mean.
flux                  mean change of natural-log mel energies in 10 ms, where there is sound: low is monotonous.

None of these says that a voice sounds well; beside those of people they say what it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from textwrap import shorten

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench import pitch
from voxduct.bench.clips import Clip
from voxduct.bench.mel import log_mel
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures, rounded
from voxduct.bench.speaking.contour import Booleans, Contour, seconds_of
from voxduct.bench.speaking.word_frames import Traced
from voxduct.bench.spectrogram_sheet import Panel
from voxduct.events import SpeechAudio
from voxduct.offline import speak
from voxduct.tts.config import PAUSE
from voxduct.tts.text_to_speech import TextToSpeech

EVEN_RMS = 0.1  # at which spectra are compared
TITLE = 70  # characters over a picture

PhoneSeconds = Callable[[str], Sequence[tuple[str, float]]]
"""Text -> its phones, `pau` for a pause, and their durations in seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """Something said."""

    text: str
    samples: Samples
    """At 16 kHz."""
    phones: int
    """That the text has, without pauses; 0 where nobody knows."""
    phone_s: tuple[float, ...] = ()
    """How long each of them was; empty where nobody knows."""


def measure(sets: Mapping[str, Sequence[Utterance]]) -> Figures:
    """The figures of every set of utterances, as `prosody_<set>_<figure>`."""
    found: Figures = {}
    for name, utterances in sets.items():
        figures = set_figures(list(tracked(utterances, f"prosody of {name}")))
        found |= {f"prosody_{name}_{figure}": value for figure, value in figures.items()}
    return found


def set_figures(utterances: Sequence[Utterance]) -> Figures:
    """Of one set, best of one speaker."""
    contours = [Contour.of(one.samples) for one in utterances]
    return {
        "utterances": len(utterances),
        "speech_s": round(sum(one.seconds for one in contours), 1),
        **_pitch_figures(utterances, contours),
        **_pace_figures(utterances, contours),
        **_pause_figures(contours),
        "flux": _mean([_flux(one.samples, how.sounding) for one, how in zip(utterances, contours, strict=True)]),
    }


def _pitch_figures(utterances: Sequence[Utterance], contours: Sequence[Contour]) -> Figures:
    hertz, semitones = (
        np.concatenate([values[~np.isnan(values)] for values in found] or [np.zeros(0)])
        for found in ([one.pitch_hz for one in contours], [one.semitones for one in contours])
    )
    low, high = np.percentile(semitones, [5, 95]) if len(semitones) else (np.nan, np.nan)
    slopes = [(one.text.rstrip().endswith("?"), how.end_slope) for one, how in zip(utterances, contours, strict=True)]
    return {
        "pitch_hz": rounded(float(np.median(hertz)), 1) if len(hertz) else None,
        "pitch_range_st": rounded(float(high - low), 2) if len(semitones) else None,
        "pitch_sd_st": rounded(float(semitones.std()), 2) if len(semitones) else None,
        "slope_statements": _median([slope for asks, slope in slopes if not asks]),
        "slope_questions": _median([slope for asks, slope in slopes if asks]),
    }


def _pace_figures(utterances: Sequence[Utterance], contours: Sequence[Contour]) -> Figures:
    spoken = [one.seconds - seconds_of(one.pauses) for one in contours]
    known = [(one.phones, seconds) for one, seconds in zip(utterances, spoken, strict=True) if one.phones]
    return {
        "phones_per_s": _ratio(sum(phones for phones, _ in known), sum(seconds for _, seconds in known)),
        "syllables_per_s": _ratio(sum(len(one.syllables) for one in contours), sum(spoken)),
        "phone_cv": _variation([seconds for one in utterances for seconds in one.phone_s]),
        "syllable_cv": _variation([seconds for one in contours for seconds in one.steps]),
    }


def _pause_figures(contours: Sequence[Contour]) -> Figures:
    pauses = [pause for one in contours for pause in one.pauses]
    length = _mean([seconds_of([pause]) for pause in pauses])
    return {
        "pause_share": _ratio(seconds_of(pauses), sum(one.seconds for one in contours), 3),
        "pause_ms": None if length is None else round(1000 * length),
    }


def _flux(samples: Samples, sounding: Booleans) -> float | None:
    """Between neighbouring windows with sound in both; None where there is too little of it."""
    if len(samples) < SAMPLE_RATE // 10 or not samples.any():
        return None
    even = samples * (EVEN_RMS / np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    change = np.abs(np.diff(log_mel(even), axis=0)).mean(axis=1)
    loud = sounding[1 : len(change) + 2]  # mel window i has its middle nearest to that of the contour's i + 1
    both = loud[:-1] & loud[1:]
    return float(change[: len(both)][both].mean()) if both.any() else None


def _ratio(count: float, of: float, digits: int = 2) -> float | None:
    return rounded(count / of, digits) if count and of else None


def _variation(values: Sequence[float]) -> float | None:
    return rounded(float(np.std(values) / np.mean(values)), 3) if len(values) > 1 else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return rounded(float(np.mean(known)), 3) if known else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return rounded(median(known), 1) if known else None


def by_voice(
    synthesiser: TextToSpeech, texts: Iterable[str], voice: str, phones: Callable[[str], int]
) -> list[Utterance]:
    """The texts as one of our voices says them, each with its number as seed; `phones` counts those of a text.

    Raises as `voxduct.offline.speak` does.
    """
    made = []
    for number, text in enumerate(texts):
        traced = Traced()
        events = speak(synthesiser, text, voice, number, traced)
        samples = np.concatenate([event.samples for event in events if isinstance(event, SpeechAudio)])
        frame_s = synthesiser.frame_size / synthesiser.sample_rate
        lasted = tuple(frames * frame_s for word in traced.words for frames in word.frames)
        made.append(Utterance(text, samples, phones(text), lasted))
    return made


def by_reader(
    read_aloud: Callable[[str], Samples],
    texts: Iterable[str],
    phone_seconds: PhoneSeconds,
    phones: Callable[[str], int],
) -> list[Utterance]:
    """The texts as another synthesiser reads them. Raises as the two that are given do."""
    return [
        Utterance(
            text,
            read_aloud(text),
            phones(text),
            tuple(seconds for name, seconds in phone_seconds(text) if name != PAUSE),
        )
        for text in texts
    ]


def by_people(clips: Iterable[Clip], phones: Callable[[str], int]) -> list[Utterance]:
    """Recordings. Raises AudioFormatError where one cannot be read."""
    return [Utterance(clip.text, clip.samples(), phones(clip.text)) for clip in clips]


def panels(sets: Mapping[str, Sequence[Utterance]]) -> list[Panel]:
    """Every utterance with its pitch, a row for each set."""
    return [
        Panel(shorten(f"{name}: {one.text}", TITLE, placeholder=" ..."), one.samples, pitch_hz=pitch.track(one.samples))
        for name, utterances in sets.items()
        for one in utterances
    ]
