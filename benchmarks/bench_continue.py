"""Does a continuation keep the prompt's voice, does the model believe what was really said, and does sound go on?

Prompts are the first 3 s of held-out sentences that flite speaks in voices of the training and in warps that it never
met, and of recordings: `--people lj=FOLDER` adds the sound files of a folder as one more voice.

    python benchmarks/bench_continue.py [--model FOLDER] [--prompts 50] [--seconds 5] [--people NAME=FOLDER ...]
                                        [--sheet PICTURE.png] [--results FOLDER]

The last line of stdout is one JSON object:

kept            share of continuations whose speaker embedding (Resemblyzer) is nearer to their own prompt than to the
                mean of any other voice's prompts; left out where Resemblyzer is not installed.
                `lost_voices` are those of the others
cosine          of continuation and prompt, mean; `cosine_other` is the nearest other voice's, mean
likelier        share of prompts after which the true continuation's codes have more likelihood than after a prompt of
                another voice; `nats` is by how much per frame, all four books together
gaps            continuations with more than 1 s of silence; `longest_gap_s` is the longest
clipped         continuations with samples at full scale
level_db_*      loudness of continuations against their prompts: 5th percentile, median, 95th
streamed_equal  whether the first half, asked for alone, is equal sample by sample
first_audio_s   from a prompt in memory to its first samples, median
rtf             seconds of computing for a second of sound, one thread
memory_mib      growth of resident memory over the last three quarters of all continuations
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.ears import speaker_embeddings
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures, keep, machine_card, percentile, rounded
from voxduct.bench.spectrogram_sheet import Panel, draw_sheet
from voxduct.codec.stream import CodecEncoderStream
from voxduct.continuation.acoustic import FRAMES_PER_TOKEN, delayed_history, prime_voice, token_window
from voxduct.continuation.options import ContinuationOptions
from voxduct.continuation.prompt import Prompt, PromptTail
from voxduct.continuation.stream import ContinuationStream, Continuer
from voxduct.loading import EngineOptions, load_continuer
from voxduct_training.voice_speech import SHIPPED, Speaker, extra_speakers, speak
from voxduct_training.voice_texts import clauses, is_held_out

PROMPT = 3 * SAMPLE_RATE
TRUE = 2 * SAMPLE_RATE  # of what follows it
UNMET = 4  # warped speakers that no training met
QUIET = 0.002  # peak of 20 ms below which there is silence
FRAME = SAMPLE_RATE // 50


@dataclass(frozen=True, slots=True)
class Case:
    """A recording of one voice, 5 s or more; its first 3 s are the prompt."""

    voice: str
    samples: Samples

    @property
    def prompt(self) -> Samples:
        return self.samples[:PROMPT]


def spoken(data: Path, count: int) -> list[Case]:
    """Held-out sentences by flite, the voices in turn."""
    texts = [text for text in clauses(data) if is_held_out(text) and len(text.split()) >= 14]
    random.Random(5).shuffle(texts)
    warped = [
        Speaker(f"unmet{n}", s.flite, s.warp + 3, s.pitch, s.stretch)
        for n, s in enumerate(extra_speakers(160)[-UNMET:])
    ]
    voices: list[Speaker] = [*SHIPPED, *warped]
    cases: list[Case] = []
    for text in texts:
        if len(cases) >= count:
            break
        voice = voices[len(cases) % len(voices)]
        made = speak(text, voice)
        if made is not None and len(made[0]) >= PROMPT + TRUE:
            cases.append(Case(voice.name, 0.5 * made[0] / np.abs(made[0]).max()))
    return cases


def recorded(name: str, folder: Path, count: int) -> list[Case]:
    """Sound files of one voice."""
    cases: list[Case] = []
    for path in sorted(folder.iterdir()):
        if path.suffix in {".flac", ".wav", ".opus", ".ogg"} and len(cases) < count:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
            samples = soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE)
            if len(samples) >= PROMPT + TRUE:
                cases.append(Case(name, samples))
    return cases


def as_prompt(samples: Samples) -> Prompt:
    tail = PromptTail()
    tail.feed(samples)
    return tail.take()


def continued(continuer: Continuer, samples: Samples, options: ContinuationOptions) -> tuple[Samples, float, float]:
    """The sound, seconds until its first samples, seconds in all."""
    started, first, pieces = time.perf_counter(), 0.0, []
    stream = ContinuationStream(continuer, continuer.hear(as_prompt(samples)), options)
    while (piece := stream.next_samples()) is not None:
        first = first or time.perf_counter() - started
        pieces.append(piece)
    return np.concatenate(pieces), first, time.perf_counter() - started


def parts(continuer: Continuer, case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Codes and tokens of the prompt, and those of the 2 s that truly follow."""
    samples = as_prompt(case.samples[: PROMPT + TRUE]).samples
    samples = samples[: len(samples) // 640 * 640]
    tokens = continuer.tokenizer.tokens(samples)
    codes = CodecEncoderStream(continuer.codec).feed(samples)[:, 1:]
    codes, half = codes[:, : codes.shape[1] // 2 * 2], PROMPT // 640
    return codes[:, : 2 * half], tokens[:half], codes[:, 2 * half :], tokens[half:]


def likelihood(
    continuer: Continuer, prompt: tuple[np.ndarray, np.ndarray], codes: np.ndarray, tokens: np.ndarray
) -> float:
    """Nats per frame of true codes after a prompt, with the true tokens."""
    config, lm = continuer.config, continuer.acoustic
    known, heard = np.concatenate([prompt[1], tokens]), np.concatenate([prompt[0], codes], axis=1)
    primed = prime_voice(lm, prompt[0], prompt[1], config)
    steps = range(primed.steps, heard.shape[1])
    logits = lm.step(
        np.stack([delayed_history(heard, step, config) for step in steps]),
        np.stack([token_window(known, step // FRAMES_PER_TOKEN, config.clusters) for step in steps]),
        np.array(steps, np.int64) % FRAMES_PER_TOKEN,
        primed.speaker,
        lm.copy_state(primed.state),
    ).astype(np.float64)
    logits -= np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1, keepdims=True)) + logits.max(
        -1, keepdims=True
    )
    total = 0.0
    for row, step in enumerate(steps):
        for book, delay in enumerate(config.delays):
            if step - delay >= prompt[0].shape[1]:
                total += logits[row, book, heard[book, step - delay]]
    return float(total / codes.shape[1])


def believed(continuer: Continuer, cases: list[Case]) -> Figures:
    """Whether true continuations are likelier after their own prompts."""
    known = [parts(continuer, case) for case in cases]
    gains = []
    for number, (case, (codes, tokens, after, told)) in enumerate(zip(cases, known, strict=True)):
        others = [k for k, other in enumerate(cases) if other.voice != case.voice]
        other = known[others[(7 * number) % len(others)]]
        own = likelihood(continuer, (codes, tokens), after, told)
        gains.append(own - likelihood(continuer, (other[0], other[1]), after, told))
    return {"likelier": float(np.mean(np.array(gains) > 0)), "nats": float(np.mean(gains))}


def voices_kept(cases: list[Case], sounds: list[Samples]) -> Figures:
    """By Resemblyzer; nothing where it is not installed."""
    prompts, made = speaker_embeddings([case.prompt for case in cases]), speaker_embeddings(sounds)
    if prompts is None or made is None:
        return {}
    voices = sorted({case.voice for case in cases})
    means = {v: np.mean([p for p, c in zip(prompts, cases, strict=True) if c.voice == v], axis=0) for v in voices}
    own = np.array([float(m @ p) for m, p in zip(made, prompts, strict=True)])
    other = np.array([
        max(float(m @ means[v]) / float(np.linalg.norm(means[v])) for v in voices if v != case.voice)
        for m, case in zip(made, cases, strict=True)
    ])  # fmt: skip
    missed = sorted({case.voice for case, kept in zip(cases, own > other, strict=True) if not kept})
    return {"kept": float(np.mean(own > other)), "cosine": float(own.mean()), "cosine_other": float(other.mean()),
            "lost_voices": " ".join(missed)}  # fmt: skip


def longest_gap(samples: Samples) -> float:
    """Seconds of the longest silence."""
    longest = run = 0
    for peak in np.abs(samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)).max(axis=1):
        run = run + 1 if peak < QUIET else 0
        longest = max(longest, run)
    return longest * FRAME / SAMPLE_RATE


def loudness(samples: Samples) -> float:
    return 10 * float(np.log10(np.mean(np.square(samples)) + 1e-12))


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def measure(continuer: Continuer, cases: list[Case], seconds: float) -> tuple[Figures, list[Samples]]:
    sounds, firsts, spent, memory = [], [], 0.0, []
    for number, case in enumerate(tracked(cases, "continuations")):
        sound, first, took = continued(continuer, case.prompt, ContinuationOptions(seconds=seconds, seed=number))
        sounds.append(sound)
        firsts.append(first)
        spent += took
        memory.append(resident_mib())
    half, _, _ = continued(continuer, cases[0].prompt, ContinuationOptions(seconds=seconds / 2, seed=0))
    gaps = [longest_gap(sound) for sound in sounds]
    levels = [loudness(sound) - loudness(case.prompt) for sound, case in zip(sounds, cases, strict=True)]
    figures: Figures = {
        "prompts": len(cases),
        "voices": len({case.voice for case in cases}),
        "gaps": sum(gap > 1.0 for gap in gaps),
        "longest_gap_s": max(gaps),
        "clipped": sum(bool((np.abs(sound) >= 1.0).any()) for sound in sounds),
        "level_db_p5": percentile(levels, 5),
        "level_db_p50": percentile(levels, 50),
        "level_db_p95": percentile(levels, 95),
        "streamed_equal": bool(np.array_equal(half, sounds[0][: len(half)])),
        "first_audio_s": percentile(firsts, 50),
        "rtf": spent / (seconds * len(cases)),
        "memory_mib": memory[-1] - memory[len(memory) // 4],
    }
    return figures, sounds


def panels(cases: list[Case], sounds: list[Samples]) -> list[Panel]:
    """Six prompts and what follows them."""
    chosen = np.linspace(0, len(cases) - 1, 6).astype(int).tolist()
    return [
        Panel(
            f"{cases[number].voice}: prompt | continuation",
            np.concatenate([cases[number].prompt, sounds[number]]),
            mark_s=PROMPT / SAMPLE_RATE,
        )
        for number in chosen
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a continuation model's folder (default: the embedded one)")
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VOXDUCT_DATA", "../shared/data")))
    parser.add_argument("--people", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--results", type=Path)
    given = parser.parse_args()
    people: list[Case] = []
    share = given.prompts // (5 + len(given.people))
    for name, _, folder in (one.partition("=") for one in given.people):
        people += recorded(name, Path(folder), share)
    cases = [*spoken(given.data, given.prompts - len(people)), *people]
    continuer = load_continuer(EngineOptions(), given.model)
    figures, sounds = measure(continuer, cases, given.seconds)
    figures |= voices_kept(cases, sounds) | believed(continuer, cases)
    if given.sheet:
        draw_sheet(given.sheet, panels(cases, sounds))
    figures = {name: rounded(one) if isinstance(one, float) else one for name, one in figures.items()}
    if given.results:
        keep(given.results, "continue", figures, machine_card())
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
