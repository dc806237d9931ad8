"""What of a recording a voice is made from: is it fit for that, where is the speech, and which part is the best.

Sans-I/O and without models: the VAD's verdict comes in as spans.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.errors import ClipError
from voxduct.silence import SilenceMap

BLOCK = SAMPLE_RATE // 50  # 20 ms: the unit in which level is judged
SILENT_DB = -60.0  # the loudest block of a clip of silence is quieter than this
VAD_PEAK = 0.5  # of full scale: what a clip's peak is brought to before the VAD hears it
MAX_GAIN_DB = 40.0
ACTIVE_DB = 30.0  # blocks further below the loudest than this are pauses
LEVEL_DB = -20.0  # of the blocks with speech: about that of the speech the voice model learnt from
MAX_PEAK = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipOptions:
    """What a clip must be, and how much of it is used."""

    max_s: float = 60.0
    """Seconds of a recording; a longer one is refused."""
    min_speech_s: float = 1.0
    """Seconds of speech found in it, pauses left out."""
    heard_s: float = 6.0
    """Seconds that the speaker vector is made from at most."""
    prompt_s: float = 2.0
    """Seconds that are the prompt at most: as long as the prompts of the shipped voices. With three, which the model
    has learnt as well (and VALL-E, Wang et al., 2023, was tried with), a person's voice was understood worse."""
    max_clipped: float = 0.005
    """Share of the recording that may be at full scale."""


def check_clip(samples: Samples, clipped: float, options: ClipOptions) -> None:
    """Raises ClipError where no model needs to listen: too short, silent, clipped."""
    seconds = len(samples) / SAMPLE_RATE
    if seconds < options.min_speech_s:
        raise ClipError(
            f"the clip lasts {seconds:.1f} s; three to ten seconds of speech are good, {options.min_speech_s:g} s is "
            "the least",
            code="clip_too_short",
        )
    loudest = block_levels_db(samples - samples.mean()).max()
    if loudest < SILENT_DB:
        raise ClipError(
            f"the clip is silent (the loudest moment is at {loudest:.0f} dB of full scale); is the microphone muted?",
            code="clip_silent",
        )
    if clipped > options.max_clipped:
        raise ClipError(
            f"{clipped:.1%} of the clip is at full scale: it was recorded too loud; turn the microphone down and "
            "record it again",
            code="clip_clipped",
        )


def audible(samples: Samples) -> Samples:
    """Without offset, its peak at `VAD_PEAK`: a quiet recording is a recording of speech too."""
    centred = samples - samples.mean()
    gain = VAD_PEAK / max(float(np.abs(centred).max()), 1e-9)
    scaled: Samples = (centred * min(gain, 10 ** (MAX_GAIN_DB / 20))).astype(np.float32)
    return scaled


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """The part of a clip that is used: no pauses at its ends, none that are long inside."""

    samples: Samples
    """Shape [n], 16 kHz, at the voice model's loudness."""
    prompt: tuple[int, int]
    """The samples of it that are the prompt."""
    found_s: float
    """Seconds of speech in the whole clip."""


def choose_speech(
    samples: Samples, spans: list[tuple[int, int]], silences: SilenceMap, options: ClipOptions, frame: int
) -> Speech:
    """The best part: the stretch in which most is said, cut at whole codec frames of `frame` samples.

    Args:
        samples: the clip, 16 kHz, shape [n].
        spans: where utterances start and end, in order.
        silences: which of the VAD's frames were silent.
        options: how much is used.
        frame: samples of a codec frame.

    Raises:
        ClipError: no speech, or too little of it.
    """
    spoken = np.zeros(len(samples), np.float32)
    for start, end in spans:
        spoken[start:end] = 1.0
        for silent, over in silences.between(start, end):
            spoken[silent:over] = 0.0
    found_s = float(spoken.sum()) / SAMPLE_RATE
    _check_speech(found_s, options)
    inside = np.concatenate([np.arange(start, end) for start, end in spans])
    joined, spoken = samples[inside], spoken[inside]
    heard = best_window(spoken, int(options.heard_s * SAMPLE_RATE), frame)
    joined, spoken = joined[heard], spoken[heard]
    prompt = best_window(spoken, int(options.prompt_s * SAMPLE_RATE), frame)
    return Speech(levelled(joined), (prompt.start, prompt.stop), found_s)


def _check_speech(found_s: float, options: ClipOptions) -> None:
    if found_s == 0.0:
        raise ClipError(
            "no speech was found in the clip; give a recording of one person who speaks, without music",
            code="clip_no_speech",
        )
    if found_s < options.min_speech_s:
        raise ClipError(
            f"{found_s:.1f} s of speech were found in the clip; {options.min_speech_s:g} s is the least, three to ten "
            "are good",
            code="clip_too_short",
        )


def best_window(spoken: Samples, size: int, frame: int) -> slice:
    """The window of at most `size` samples with most speech, of those at multiples of `frame`; the first of equals."""
    frames = len(spoken) // frame
    size = min(size // frame, frames)
    totals = np.concatenate([[0.0], np.cumsum(spoken[: frames * frame].reshape(frames, frame).sum(axis=1))])
    begin = int(np.argmax(totals[size:] - totals[: frames - size + 1]))
    return slice(begin * frame, (begin + size) * frame)


def block_levels_db(samples: Samples) -> Samples:
    """RMS level of each 20 ms in dB of full scale; what is left over at the end is not judged. Shape [n // 320]."""
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    power = np.maximum(np.mean(np.square(blocks, dtype=np.float64), axis=1), 1e-12)
    levels: Samples = (10.0 * np.log10(power)).astype(np.float32)
    return levels


def levelled(samples: Samples) -> Samples:
    """Brings what is louder than pauses to `LEVEL_DB` on average, as long as no peak goes over full scale."""
    levels = block_levels_db(samples)
    active = levels[levels > levels.max() - ACTIVE_DB]
    mean = 10 * np.log10(np.mean(10.0 ** (active / 10)))
    gain = 10 ** ((LEVEL_DB - mean) / 20)
    made: Samples = (samples * min(gain, MAX_PEAK / float(np.abs(samples).max()))).astype(np.float32)
    return made
