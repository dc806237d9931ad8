"""`voxduct bench tts`: whether the voice says what it was given, how fast, how evenly, and how near to its origin."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path

from voxduct.bench import flite, tts
from voxduct.bench.bundled import heldout_text, sentence_lists
from voxduct.bench.clips import Clip, read_clips
from voxduct.bench.ears import Ear, pocketsphinx_ear
from voxduct.bench.pictures import require_matplotlib
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures, machine_card
from voxduct.bench.speaking import first_audio, flatness, items, memory, originals, prosody, seams, underruns
from voxduct.bench.speaking.hard_items import ITEMS, hard_items
from voxduct.bench.speaking.originals import BESIDE
from voxduct.bench.speaking.prosody import Utterance
from voxduct.bench.speaking.prosody_texts import PAIRS, TEXTS
from voxduct.bench.spectrogram_sheet import OPTION as SHEET
from voxduct.bench.spectrogram_sheet import draw_sheet
from voxduct.cli.arguments import Commands, engine_options, positive_int, positive_number
from voxduct.cli.bench_question import question, report, server
from voxduct.loading import load_engine, load_own_synthesiser
from voxduct.offline import hear_text
from voxduct.tts.synthesiser import Synthesiser
from voxduct.tts.text.normalise import spoken_words

ALL = "all"
FLATNESS_CHARACTERS = 1_000  # a minute of speech
UNDERRUN_CHARACTERS = 300  # some twenty seconds for each client
SEAM_CHARACTERS = 80  # spoken seventeen times
DEFAULT_CLIENTS, DEFAULT_STARTS = 8, 5
SHOWN = 2  # recordings on a sheet: the shortest texts, which are easiest to look at
MOST_SESSIONS = 32  # a server's own limit, where nobody asks for more


def register(questions: Commands) -> None:
    """Adds the question."""
    parser = question(questions, "tts", "whether the voice says what it was given, and how fast and evenly", None)
    parser.add_argument("--voice", help="a voice's name")
    parser.add_argument("--other-voice", help="the voice it is to be told from (default: the first other one)")
    parser.add_argument("--details", type=Path, metavar="FILE", help="write what was heard of every text")
    parser.add_argument(
        "--parts", nargs="+", choices=[*PARTS, ALL], default=["sentences"], metavar="PART",
        help=f"what to measure, of {', '.join(PARTS)} or {ALL} (default: sentences)",
    )  # fmt: skip
    group = parser.add_argument_group("parts")
    group.add_argument("--clients", type=positive_int, default=DEFAULT_CLIENTS, help="of underruns (default: 8)")
    group.add_argument("--minutes", type=positive_number, default=1.0, help="of memory (default: 1)")
    group.add_argument("--starts", type=positive_int, default=DEFAULT_STARTS, help="of first_audio (default: 5)")
    group.add_argument("--items", type=positive_int, default=ITEMS, help=f"of items (default: {ITEMS})")
    group.add_argument("--seed", type=int, default=0, help="of items (default: 0)")
    group.add_argument("--voices", nargs="+", metavar="NAME", help="of prosody (default: --voice)")
    group.add_argument("--people", type=Path, metavar="FOLDER", help="of prosody: recordings with transcripts.tsv")
    group.add_argument(SHEET, type=Path, metavar="FILE.png", help="of prosody: spectrograms and pitch (matplotlib)")
    parser.set_defaults(run=run)


class Bench:
    """What the parts share, loaded when the first of them asks; `details` are lines to write."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.details: list[str] = []

    @cached_property
    def synthesiser(self) -> Synthesiser:
        """The voice model, in this process."""
        return load_own_synthesiser(engine_options(self.options))

    @cached_property
    def ear(self) -> Ear:
        """Our recogniser."""
        engine = load_engine(engine_options(self.options), speaks=False)
        return lambda samples: hear_text(engine, samples)

    @cached_property
    def other_ear(self) -> Ear | None:
        """PocketSphinx."""
        return pocketsphinx_ear()

    @property
    def frontend(self) -> tts.Frontend:
        """What is known about text."""
        return tts.Frontend.of(self.synthesiser)

    def phone_count(self, text: str) -> int:
        """Phones of a text without its pauses."""
        sequence = self.synthesiser.phonemizer.phonemize(spoken_words(text, self.synthesiser.phonemizer.knows))
        return sum(word.end - word.start for word in sequence.words)

    @property
    def voice(self) -> str:
        """The voice that is judged. Raises VoiceError where there is none of that name."""
        return self.synthesiser.voice(self.options.voice).name

    @property
    def lists(self) -> dict[str, list[str]]:
        """The sentences to speak."""
        return {name: texts[: self.options.count] for name, texts in sentence_lists().items()}


def _sentences(bench: Bench) -> Figures:
    with server(bench.options) as address:
        readings = tts.speak_all(address, bench.lists, bench.frontend, bench.voice, bench.options.other_voice)
    figures, heard = tts.judge(readings, bench.ear)
    for one, text in zip(readings.voice, heard, strict=True):
        bench.details.append(f"{one.listed}\t{one.seconds:.2f}\t{one.phones}\t{one.written}\t{text}\n")
    return figures


def _flatness(bench: Bench) -> Figures:
    return flatness.measure(bench.synthesiser, heldout_text(FLATNESS_CHARACTERS), bench.voice)


def _seams(bench: Bench) -> Figures:
    return seams.measure(bench.synthesiser, heldout_text(SEAM_CHARACTERS), bench.voice)


def _underruns(bench: Bench) -> Figures:
    clients = bench.options.clients
    texts = [heldout_text(UNDERRUN_CHARACTERS, 5 * number) for number in range(clients)]
    with server(bench.options, "--max-sessions", str(max(clients, MOST_SESSIONS))) as address:
        return underruns.measure(address.stream, texts, bench.voice)


def _memory(bench: Bench) -> Figures:
    with server(bench.options) as address:
        return memory.measure(address, sentence_lists()["heldout"], bench.options.minutes, bench.voice)


def _first_audio(bench: Bench) -> Figures:
    if bench.options.url is None:
        return first_audio.measure(lambda: server(bench.options), bench.options.starts, bench.voice)
    with server(bench.options) as address:
        return first_audio.measure_warm(address, bench.voice)


def _items(bench: Bench) -> Figures:
    ears = {"voxduct": bench.ear} | ({} if bench.other_ear is None else {"pocketsphinx": bench.other_ear})
    wanted = hard_items(bench.options.items, bench.options.seed)
    spoken = items.speak_items(bench.synthesiser, wanted, bench.frontend, bench.voice)
    judged = [items.judge(one, ears) for one in spoken]
    bench.details += [items.details(one) for one in judged]
    return items.figures(judged, bench.synthesiser.frame_size / bench.synthesiser.sample_rate)


def _beside(bench: Bench) -> Figures:
    texts = [(text, bench.frontend.written(text)) for texts in bench.lists.values() for text in texts]
    read_aloud = flite.read_aloud if flite.installed() else None
    return originals.measure(bench.synthesiser, texts, bench.voice, bench.other_ear, read_aloud)


def _prosody(bench: Bench) -> Figures:
    if bench.options.sheet is not None:
        require_matplotlib(SHEET)
    clips = [] if bench.options.people is None else read_clips(bench.options.people)[: bench.options.count]
    sets = _said(bench, TEXTS[: bench.options.count], bench.options.voices or [bench.voice])
    if clips:
        sets["people"] = prosody.by_people(clips, bench.phone_count)
    if bench.options.sheet is not None:
        _draw(bench, clips)
    return prosody.measure(sets)


def _said(bench: Bench, texts: Sequence[str], voices: Sequence[str]) -> dict[str, list[Utterance]]:
    """By our voices, and by flite where it is here."""
    count = bench.phone_count
    sets = {
        bench.synthesiser.voice(voice).name: prosody.by_voice(
            bench.synthesiser, tracked(texts, f"speak {voice}"), voice, count
        )
        for voice in voices
    }
    if flite.installed():
        read, lasted = partial(flite.read_aloud, BESIDE), partial(flite.phone_seconds, BESIDE)
        sets[f"flite_{BESIDE}"] = prosody.by_reader(read, texts, lasted, count)
    return sets


def _draw(bench: Bench, clips: Sequence[Clip]) -> None:
    """A person first, where there is one: the others say the same texts."""
    shown = sorted(clips, key=lambda clip: len(clip.text))[:SHOWN]
    texts = [clip.text for clip in shown] or [*PAIRS[0]]
    sets = {"person": prosody.by_people(shown, bench.phone_count)} if shown else {}
    sets |= _said(bench, texts, [bench.voice])
    draw_sheet(bench.options.sheet, prosody.panels(sets), columns=len(texts))


PARTS: dict[str, Callable[[Bench], Figures]] = {
    "sentences": _sentences,
    "flatness": _flatness,
    "seams": _seams,
    "underruns": _underruns,
    "memory": _memory,
    "first_audio": _first_audio,
    "items": _items,
    "beside": _beside,
    "prosody": _prosody,
}


def run(options: argparse.Namespace) -> int:
    """Answers the question, part by part."""
    chosen = [name for name in PARTS if name in options.parts or ALL in options.parts]
    bench, card = Bench(options), machine_card()
    figures: Figures = {"voice": bench.voice}
    for name in chosen:
        figures |= PARTS[name](bench)
    if missing := _missing(chosen, bench):
        figures["missing"] = "; ".join(missing)
    if options.details is not None:
        options.details.write_text("".join(bench.details), encoding="utf-8")
    return report("tts", figures, card, options)


def _missing(chosen: list[str], bench: Bench) -> list[str]:
    """What some figures are null for, and what brings it."""
    found = []
    if {"sentences", "items", "beside"} & {*chosen} and find_spec("pocketsphinx") is None:
        found.append("PocketSphinx is not installed (make setup-bench)")
    if {"beside", "prosody"} & {*chosen} and not flite.installed():
        found.append(flite.NEEDS)
    elif "beside" in chosen and bench.voice not in flite.LEARNT_FROM:
        found.append(f"{bench.voice} learnt from no voice that is here")
    if bench.options.url is not None:
        alone = {"memory": "memory", "first_audio": "cold first audio"}
        found += [f"{alone[name]} needs a server of its own: leave out --url" for name in chosen if name in alone]
    return found
