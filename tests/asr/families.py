"""Whispers of random weights, one of each family, as optimum exports them; made where they are tested.

Real checkpoints differ from each other in mel bands, special tokens and layers; these differ likewise, and are small.
Texts of random weights differ from clip to clip, but timestamps crowd out text and none ever ends: some rows of the
output matrix are changed for that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import numpy.typing as npt
import tokenizers
import torch
from tokenizers import decoders, models, pre_tokenizers
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.whisper.tokenization_whisper import LANGUAGES
from transformers.utils import logging

from voxduct.asr.decode.greedy import Request
from voxduct.asr.decode.language import detect_language
from voxduct.asr.decode.prompt import build_prompt
from voxduct.asr.decode.rules import whisper_rules
from voxduct.asr.options import AsrOptions
from voxduct.asr.recogniser import Recogniser
from voxduct.onnx.whisper import load_recogniser

RATE = 16_000
TIMESTAMPS = 1501
LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())
PAIRS = [*product(ascii_lowercase, repeat=2), *(("Ġ", letter) for letter in ascii_lowercase)]
TEXT = len(LETTERS) + len(PAIRS)  # tokens of text; the special ones follow
POSITIONS = 96  # of the decoder
BLANK = LETTERS.index("Ġ")
CLIPS = 20
NEW_TOKENS = 12  # decoded of each clip at most
PROMPT = "abc de fgh"
SUPPRESSED = (1, 2, 7, 8, 300)  # as real checkpoints suppress brackets and notes


@dataclass(frozen=True)
class Family:
    """What tells one kind of Whisper from another."""

    name: str
    mels: int = 80
    languages: int = 99
    encoder_layers: int = 1
    decoder_layers: int = 2
    multilingual: bool = True
    ends_like: int = 0
    """The text token in whose place a text ends; one that about half of the clips say."""

    @property
    def specials(self) -> list[str]:
        """Every token after the text, in the order of real vocabularies."""
        languages = [f"<|{code}|>" for code in list(LANGUAGES)[: self.languages]]
        tasks = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
        times = [f"<|{i * 0.02:.2f}|>" for i in range(TIMESTAMPS)]
        return ["<|endoftext|>", "<|startoftranscript|>", *languages, *(f"<|{task}|>" for task in tasks), *times]

    def token(self, name: str) -> int:
        """The id of a special token."""
        return TEXT + self.specials.index(f"<|{name}|>")


FAMILIES = (
    Family("tiny", ends_like=160),
    Family("tiny.en", multilingual=False, ends_like=320),
    Family("large-v3", mels=128, languages=100, ends_like=287),
    Family("large-v3-turbo", mels=128, languages=100, encoder_layers=2, decoder_layers=4, ends_like=617),
    Family("distil-large-v3", mels=128, languages=100, encoder_layers=2, decoder_layers=2, ends_like=122),
)


def make_torch_model(family: Family) -> WhisperForConditionalGeneration:
    """A model with random weights and the generation config of its family."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    end, start = family.token("endoftext"), family.token("startoftranscript")
    config = WhisperConfig(
        vocab_size=TEXT + len(family.specials), d_model=32, encoder_layers=family.encoder_layers,
        decoder_layers=family.decoder_layers, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64,
        decoder_ffn_dim=64, num_mel_bins=family.mels, max_target_positions=POSITIONS, pad_token_id=end,
        bos_token_id=end, eos_token_id=end, decoder_start_token_id=start, suppress_tokens=None,
        begin_suppress_tokens=None, init_std=0.25, attn_implementation="eager",
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config).eval()
    _scale_rows(model, family)
    _configure_generation(model, family)
    return model


def _scale_rows(model: WhisperForConditionalGeneration, family: Family) -> None:
    with torch.no_grad():
        rows = model.model.decoder.embed_tokens.weight
        rows[family.token("notimestamps") + 1 :] *= 0.6
        rows[family.token("endoftext")] = rows[family.ends_like] * 1.05


def _configure_generation(model: WhisperForConditionalGeneration, family: Family) -> None:
    generation = model.generation_config
    generation.suppress_tokens = [*SUPPRESSED, family.token("startoftranscript"), family.token("startofprev")]
    generation.begin_suppress_tokens = [BLANK, family.token("endoftext")]
    generation.no_timestamps_token_id = family.token("notimestamps")
    generation.prev_sot_token_id = family.token("startofprev")
    generation.max_initial_timestamp_index = 50
    generation.max_length = POSITIONS
    generation.is_multilingual = family.multilingual
    generation.alignment_heads = [[0, 1], [family.decoder_layers - 1, 0]]
    if family.multilingual:
        codes = list(LANGUAGES)[: family.languages]
        generation.lang_to_id = {f"<|{code}|>": family.token(code) for code in codes}
        generation.task_to_id = {task: family.token(task) for task in ("transcribe", "translate")}


def export(family: Family, model: WhisperForConditionalGeneration, folder: Path) -> Path:
    """Writes a folder in the Hugging Face layout by optimum: merged and separate decoders, 30-s encoder."""
    from optimum.exporters.onnx import onnx_export_from_model

    onnx_export_from_model(model, folder, task="automatic-speech-recognition-with-past", do_validation=False)
    (folder / "onnx").mkdir()
    for graph in folder.glob("*.onnx"):
        graph.rename(folder / "onnx" / graph.name)
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=family.mels).save_pretrained(folder)
    save_tokenizer(family, folder)
    return folder


def save_tokenizer(family: Family, folder: Path) -> None:
    """A byte-level vocabulary of letters and pairs, then the family's special tokens."""
    names = [*LETTERS, *("".join(pair) for pair in PAIRS)]
    bpe = tokenizers.Tokenizer(models.BPE({name: i for i, name in enumerate(names)}, PAIRS))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.add_special_tokens(family.specials)
    bpe.save(str(folder / "tokenizer.json"))


def make_clips(count: int, seconds: float = 30.0, seed: int = 0) -> list[npt.NDArray[np.float32]]:
    """Noises, tones and chirps, each of its own level and pitch; shape [seconds * 16,000] each."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    clips = []
    for i in range(count):
        noise = random.standard_normal(time.size)
        low, high = random.uniform(100, 2_000), random.uniform(2_000, 7_000)
        beat = np.sin(2 * np.pi * random.uniform(0.1, 3.0) * time) > 0
        sound = (
            noise,
            np.sin(2 * np.pi * low * time) * beat,
            np.sin(2 * np.pi * (low + (high - low) * time / (2 * seconds)) * time),
            noise * beat,
        )[i % 4]
        clips.append((sound * 10.0 ** random.uniform(-3, -0.5) + 1e-4 * noise).astype(np.float32))
    return clips


@dataclass(frozen=True, eq=False)
class Pair:
    """The same weights in transformers and here, and what both encoders said about the clips."""

    family: Family
    torch_model: WhisperForConditionalGeneration
    torch_encodings: torch.Tensor
    recogniser: Recogniser
    encodings: list[object]
    folder: Path

    def expected(
        self, *, beams: int, timestamps: bool, prompt: bool, language: str | None
    ) -> list[tuple[list[int], list[int]]]:
        """By transformers: the prompt of each clip, and its tokens up to the end."""
        before = tuple(self.previous()) if prompt else None
        rows = generated(self.torch_model, self.torch_encodings, self.family, beams, timestamps, before, language)
        size = rows[0].index(self.family.token("startoftranscript")) + (3 if self.family.multilingual else 1)
        size += not timestamps
        return [(row[:size], until(row[size:], self.family.token("endoftext"))) for row in rows]

    def previous(self) -> list[int]:
        """The prompt as transformers wants it."""
        return [self.family.token("startofprev"), *self.recogniser.tokenizer.encode(f" {PROMPT}")]

    def request(
        self,
        encoding: object,
        *,
        timestamps: bool,
        prompt: bool,
        language: str | None,
        more_suppressed: tuple[int, ...] = (),
    ) -> Request:
        """How a clip is decoded here."""
        recogniser, tokenizer = self.recogniser, self.recogniser.tokenizer
        decoding = replace(recogniser.decoding, suppress=(*recogniser.decoding.suppress, *more_suppressed))
        if language is None and self.family.multilingual:
            language = detect_language(recogniser.model, encoding, tokenizer).code
        options = AsrOptions(prompt=PROMPT if prompt else "")
        return Request(
            prompt=build_prompt(tokenizer, options, language, room=decoding.max_previous, timestamps=timestamps),
            rules=whisper_rules(tokenizer, decoding, timestamps=timestamps),
            limit=NEW_TOKENS,
            start=tokenizer.start,
            end=tokenizer.end,
            stop_at_loops=False,
        )


@cache  # the export and what is prepared of it are held against the same
def generated(
    model: WhisperForConditionalGeneration,
    encodings: torch.Tensor,
    family: Family,
    beams: int,
    timestamps: bool,
    before: tuple[int, ...] | None,
    language: str | None,
) -> list[list[int]]:
    """What transformers makes of each clip, prompt and all."""
    asked = {"language": language, "task": "transcribe"} if family.multilingual else {}
    with torch.no_grad():
        made = model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=encodings.clone()),
            max_new_tokens=NEW_TOKENS, num_beams=beams, return_timestamps=timestamps,
            prompt_ids=None if before is None else torch.tensor(before), force_unique_generate_call=True, **asked,
        )  # fmt: skip
    return [row.tolist() for row in made]


def make_pair(family: Family, folder: Path) -> Pair:
    """The family's model in transformers, and its export in `folder`, loaded."""
    logging.set_verbosity_error()
    model = make_torch_model(family)
    recogniser = load_recogniser(export(family, model, folder))
    mels = [recogniser.log_mel.compute(clip) for clip in make_clips(CLIPS)]
    with torch.no_grad():
        torch_encodings = model.model.encoder(torch.tensor(np.stack(mels))).last_hidden_state
    return Pair(family, model, torch_encodings, recogniser, [recogniser.model.encode(mel) for mel in mels], folder)


def until(tokens: list[int], end: int) -> list[int]:
    """The tokens before the end."""
    return tokens[: tokens.index(end)] if end in tokens else tokens
