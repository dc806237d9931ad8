"""Does a voice made from one clip sound like the speaker of the clip, more than like anybody else?

Per trial and speaker: one clip is enrolled, another text is spoken with the voice, and a speaker encoder compares that
speech with other recordings of every speaker. A trial is won when the enrolled speaker's cosine is the highest.

    python benchmarks/bench_voices.py [--trials N] [--people NAME=FOLDER ...] [--shipped VOICE ...]
                                       [--flite VOICE[:WARP] ...] [--seconds S] [--same NAME=NAME ...]

Speakers are the shipped voices (who have spoken in this engine before: the easy case), flite's voices where flite is
installed, such voices warped (`slt:0.88` is larger and lower by a factor: somebody that the voice model never heard),
and people whose clips lie in a folder each. Some shipped voices were learnt from a voice of flite; the two count as one
speaker, as do those of `--same`: TinyTTS, from which `iris` was learnt, speaks in the voice of LJSpeech's reader (the
judge's cosine is .91 between the two, .94 between two recordings of hers, and .54 to the neural voice).

The judge is Resemblyzer, where it is installed, else our own speaker encoder, which is not impartial; `judge` says
which. `clip_wins` is what the judge says of the clips themselves, the most that can be won.
`wer`: how many words of the new speech our recogniser misreads; `voice_wer`: the same text by the default voice.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench import flite
from voxduct.bench.ears import speaker_embeddings
from voxduct.bench.results import machine_card
from voxduct.bench.scoring import word_errors
from voxduct.events import SpeechAudio
from voxduct.loading import EngineOptions, load_engine, load_enroller
from voxduct.models import Floats
from voxduct.offline import hear_text, speak
from voxduct.session import Engine
from voxduct.tts.synthesiser import Synthesiser
from voxduct.tts.text_to_speech import TextToSpeech
from voxduct.voices.enrolment import Enroller, run_enrolment
from voxduct.voices.sound import Sound, read_sound

TEXTS = Path(__file__).parent / "data" / "heldout_sentences.txt"
FLITE = ("slt", "rms", "awb", "kal16")
SAME_SPEAKER = {origin: name for name, origin in flite.LEARNT_FROM.items()}
REFERENCES = 2  # recordings of each speaker that are compared with
CLIP_TEXT = 80  # characters that a clip says at least: some five seconds


@dataclass(frozen=True)
class Speaker:
    """Somebody who can be recorded: `read(n, text)` is their n-th recording; people say what they said."""

    name: str
    kind: str
    read: Callable[[int, str], Samples]


def spoken(synthesiser: TextToSpeech, text: str, voice: str | None) -> Samples:
    parts = [event.samples for event in speak(synthesiser, text, voice) if isinstance(event, SpeechAudio)]
    return np.concatenate(parts)


def speakers(
    synthesiser: Synthesiser, shipped: Sequence[str], voices: Sequence[str], people: Sequence[str]
) -> Iterator[Speaker]:
    for name in shipped:
        yield Speaker(name, "shipped", lambda _, text, name=name: spoken(synthesiser, text, name))  # type: ignore[misc]
    for given in voices if flite.installed() else ():
        voice, _, factor = given.partition(":")
        kind = "warped" if factor else "flite"
        yield Speaker(given, kind, lambda _, text, v=voice, f=float(factor or 1): warped(v, text, f))  # type: ignore[misc]
    for given in people:
        name, _, folder = given.partition("=")
        paths = sorted(path for path in Path(folder).iterdir() if path.suffix in (".flac", ".wav", ".opus", ".ogg"))
        clips = [path for path in paths if len(read_sound(path, 60.0).samples) > 3 * SAMPLE_RATE]
        yield Speaker(name, "person", lambda n, _, clips=clips: read_sound(clips[n], 60.0).samples)  # type: ignore[misc]


def warped(voice: str, text: str, factor: float) -> Samples:
    """As a speaker whose pitch and formants are by this factor higher reads it."""
    said = flite.read_aloud(voice, text)
    made: Samples = np.asarray(soxr.resample(said, SAMPLE_RATE, SAMPLE_RATE / factor), np.float32)
    return made


def own_embeddings(enroller: Enroller, clips: Sequence[Samples]) -> Floats:
    """Our speaker encoder's vectors; what the shipped voices have in common, which is most of each, is taken away."""
    codec = enroller.synthesiser.codec
    centre = np.mean([enroller.synthesiser.primed(name).voice.speaker for name in enroller.synthesiser.shipped], axis=0)
    whole = [clip[: len(clip) // codec.frame_size * codec.frame_size] for clip in clips]
    made = [enroller.speaker(codec.encode(clip, codec.new_encoder_state())) - centre for clip in whole]
    found: Floats = np.stack([vector / np.linalg.norm(vector) for vector in made]).astype(np.float32)
    return found


def texts_of(count: int, characters: int) -> list[str]:
    """So many texts of at least so many characters, none with a sentence of another."""
    sentences = iter(TEXTS.read_text(encoding="utf-8").splitlines())
    made = []
    for _ in range(count):
        text = next(sentences)
        while len(text) < characters:
            text += " " + next(sentences)
        made.append(text)
    return made


@dataclass(frozen=True)
class Trial:
    speaker: Speaker
    clip: Samples
    said: Samples
    text: str


def run_trials(enroller: Enroller, everyone: Sequence[Speaker], trials: int, seconds: float) -> list[Trial]:
    clip_texts, texts = texts_of(trials + REFERENCES, CLIP_TEXT)[REFERENCES:], texts_of(60, 40)[-trials:]
    found = []
    for speaker in everyone:
        for number, (clip_text, text) in enumerate(zip(clip_texts, texts, strict=True)):
            clip = speaker.read(REFERENCES + number, clip_text)[: int(seconds * SAMPLE_RATE)]
            name = f"{speaker.name}:{number}"
            enrolled = run_enrolment(enroller.begin(name, lambda clip=clip: Sound(clip, 0.0)))  # type: ignore[misc]
            enroller.synthesiser.add(enrolled.primed)
            said = spoken(enroller.synthesiser, text, name)
            enroller.synthesiser.remove(name)
            found.append(Trial(speaker, clip, said, text))
            print(f"{name}: {len(said) / SAMPLE_RATE:.1f} s", file=sys.stderr)
    return found


def judge(enroller: Enroller, clips: Sequence[Samples]) -> tuple[str, Floats]:
    found = speaker_embeddings(clips)
    return ("own", own_embeddings(enroller, clips)) if found is None else ("resemblyzer", found)


def scores(names: Sequence[str], name: str, cosines: Floats) -> tuple[float, float, str]:
    """The speaker's own cosine, the highest other one, and whose that is."""
    same = {name, SAME_SPEAKER.get(name, name), *(one for one, other in SAME_SPEAKER.items() if other == name)}
    others = [(float(cosine), one) for one, cosine in zip(names, cosines, strict=True) if one not in same]
    return float(cosines[names.index(name)]), *max(others)


def report(
    engine: Engine, enroller: Enroller, everyone: Sequence[Speaker], trials: Sequence[Trial]
) -> dict[str, object]:
    names = [speaker.name for speaker in everyone]
    readings = texts_of(REFERENCES, CLIP_TEXT)
    references = [speaker.read(n, text) for speaker in everyone for n, text in enumerate(readings)]
    name, found = judge(enroller, [*references, *(t.clip for t in trials), *(t.said for t in trials)])
    means = found[: len(references)].reshape(len(everyone), REFERENCES, -1).mean(axis=1)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    clips, said = np.split(found[len(references) :] @ means.T, 2)
    assert engine.synthesiser is not None  # it was loaded to speak
    rows: dict[str, dict[str, object]] = {}
    for speaker in everyone:
        mine = [index for index, trial in enumerate(trials) if trial.speaker is speaker]
        of_said = [scores(names, speaker.name, said[index]) for index in mine]
        of_clip = [scores(names, speaker.name, clips[index]) for index in mine]
        errors = [word_errors(trials[index].text, hear_text(engine, trials[index].said)) for index in mine]
        rows[speaker.name] = {
            "kind": speaker.kind,
            "wins": sum(own > other for own, other, _ in of_said),
            "clip_wins": sum(own > other for own, other, _ in of_clip),
            "cosine": round(float(np.mean([own for own, _, _ in of_said])), 3),
            "other": round(float(np.mean([other for _, other, _ in of_said])), 3),
            "nearest_other": [nearest for _, _, nearest in of_said],
            "wer": round(sum(one.errors for one in errors) / sum(one.words for one in errors), 3),
        }
    texts = sorted({trial.text for trial in trials})
    plain = [word_errors(text, hear_text(engine, spoken(engine.synthesiser, text, None))) for text in texts]
    per_kind = {
        kind: [row for row in rows.values() if row["kind"] == kind] for kind in ("shipped", "flite", "warped", "person")
    }
    return {
        "judge": name,
        "trials": len(trials),
        "wins": {kind: sum(int(str(row["wins"])) for row in found) for kind, found in per_kind.items()},
        "of": {kind: len(found) * len(trials) // len(everyone) for kind, found in per_kind.items()},
        "voice_wer": round(sum(one.errors for one in plain) / sum(one.words for one in plain), 3),
        "speakers": rows,
        "machine": machine_card(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2, help="clips enrolled per speaker (default 2)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each clip (default 6)")
    parser.add_argument("--people", nargs="*", default=[], metavar="NAME=FOLDER", help="folders of people's clips")
    parser.add_argument("--shipped", nargs="*", metavar="VOICE", help="of the shipped voices (default all)")
    parser.add_argument("--flite", nargs="*", default=list(FLITE), metavar="VOICE[:WARP]")
    parser.add_argument("--same", nargs="*", default=[], metavar="NAME=NAME", help="two names of one speaker")
    options = parser.parse_args()
    SAME_SPEAKER.update(tuple(one.split("=", 1)) for one in options.same)
    engine = load_engine(EngineOptions())
    assert engine.synthesiser is not None  # it was loaded to speak
    enroller = load_enroller(EngineOptions(), engine.synthesiser, engine.vad)
    shipped = engine.synthesiser.voices if options.shipped is None else options.shipped
    everyone = list(speakers(enroller.synthesiser, shipped, options.flite, options.people))
    trials = run_trials(enroller, everyone, options.trials, options.seconds)
    print(json.dumps(report(engine, enroller, everyone, trials)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
