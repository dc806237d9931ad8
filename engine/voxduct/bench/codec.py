"""What does a codec cost, and what is left of speech that went through it? Clips through every codec that is here.

Each clip is encoded and decoded as a whole by each codec, one after the other, and compared with itself. Of codecs
whose delay is not known, the one at which original and decoded sound correlate most is taken away first. Times are
processor seconds, so other work on the machine moves them less; programs that are started for each clip are charged
without what their start takes. What the figures mean: `voxduct.bench.codec_scores`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.clips import Clip
from voxduct.bench.codec_scores import OTHER_EAR, OUR_EAR, ClipScore, row
from voxduct.bench.coders import Coder, processor_s
from voxduct.bench.ears import Ear, pocketsphinx_ear
from voxduct.bench.fidelity import Measure, aligned, fitted, pesq_measure, stoi_measure
from voxduct.bench.mel import mel_distance
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures, rounded
from voxduct.bench.scoring import WordErrors, word_errors
from voxduct.errors import ExtraError

MEASURES = {"stoi": stoi_measure, "pesq": pesq_measure}
"""Those that a package brings."""


@dataclass(frozen=True, slots=True, eq=False)
class Judges:
    """Whoever compares and hears, as far as they are here."""

    measures: Mapping[str, Measure]
    ears: Mapping[str, Ear]
    missing: Mapping[str, str]
    """Why the others are not."""


def find_judges(ours: Ear) -> Judges:
    """All that are installed, and the embedded recogniser."""
    measures: dict[str, Measure] = {}
    missing: dict[str, str] = {}
    for name, make in MEASURES.items():
        try:
            measures[name] = make()
        except ExtraError as error:
            missing[name] = str(error)
    ears, other = {OUR_EAR: ours}, pocketsphinx_ear()
    if other is None:
        missing[OTHER_EAR] = "PocketSphinx is not installed: pip install 'voxduct[bench]'"
    else:
        ears[OTHER_EAR] = other
    return Judges(measures, ears, missing)


@dataclass(frozen=True, slots=True)
class CodecResult:
    """Everything that was found."""

    summary: Figures
    """Of the clips, and of the originals."""
    rows: Sequence[Figures]
    missing: Mapping[str, str]

    def figures(self) -> dict[str, object]:
        """As they are printed and kept."""
        return {**self.summary, "codecs": list(self.rows), "missing": dict(self.missing)}


def measure(clips: Sequence[Clip], coders: Sequence[Coder], judges: Judges, missing: Mapping[str, str]) -> CodecResult:
    """Puts every clip through every codec; `missing` are codecs that are not here, and why.

    Raises:
        AudioFormatError: a clip cannot be read.
        InferenceError, ServerError: a codec failed.
    """
    originals: dict[str, WordErrors] = dict.fromkeys(judges.ears, WordErrors())
    scores: dict[str, list[ClipScore]] = {coder.name: [] for coder in coders}
    seconds = 0.0
    for clip in tracked(clips, "codec"):
        samples = clip.samples()
        seconds += len(samples) / SAMPLE_RATE
        for ear, errors in hear(judges, clip.text, samples).items():
            originals[ear] += errors
        for coder in coders:
            scores[coder.name].append(score(clip.text, samples, coder, judges))
    summary: Figures = {
        "clips": len(clips),
        "audio_s": round(seconds, 1),
        "words": next((errors.words for errors in originals.values()), 0),
        "wer_original": rounded(originals[OUR_EAR].rate) if OUR_EAR in originals else None,
        f"wer_original_{OTHER_EAR}": rounded(originals[OTHER_EAR].rate) if OTHER_EAR in originals else None,
    }
    rows = [row(coder.name, scores[coder.name], originals) for coder in coders]
    return CodecResult(summary, rows, {**missing, **judges.missing})


def score(text: str, samples: Samples, coder: Coder, judges: Judges) -> ClipScore:
    """One clip through one codec."""
    startup = coder.startup_s()
    begun = processor_s()
    coded = coder.encode(samples)
    encoded = processor_s()
    decoded = coder.decode(coded)
    done = processor_s()
    decoded = aligned(samples, decoded) if coder.lags else fitted(decoded, len(samples))
    found = {name: measure(samples, decoded) for name, measure in judges.measures.items()}
    return ClipScore(
        seconds=len(samples) / SAMPLE_RATE,
        bits=coder.bits(coded),
        encode_s=max(0.0, encoded - begun - startup),
        decode_s=max(0.0, done - encoded - startup),
        mel_distance=mel_distance(samples, decoded),
        stoi=found.get("stoi"),
        pesq=found.get("pesq"),
        errors=hear(judges, text, decoded),
    )


def hear(judges: Judges, text: str, samples: Samples) -> dict[str, WordErrors]:
    """What each ear gets wrong."""
    return {name: word_errors(text, ear(samples)) for name, ear in judges.ears.items()}
