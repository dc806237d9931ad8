"""Decoding again, less and less greedily, while the text looks wrong.

Radford et al. (2022), section 4.5: a text that compresses too well is a loop, one of low log-probability is a guess;
both are drawn anew at a higher temperature. A window that is likelier silence than its text is text holds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from voxduct.asr.decode.beam import beam_search
from voxduct.asr.decode.greedy import Decoded, Request, Sampler, compression_ratio, greedy
from voxduct.asr.decode.joint import Joint
from voxduct.asr.options import DecodingOptions
from voxduct.asr.tokenizer import Tokenizer
from voxduct.models import WhisperModel


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was decoded at one temperature."""

    decoded: Decoded
    text: str
    temperature: float
    """0 is greedy or beam search; above, tokens were drawn."""
    compression: float
    """Bytes of `text` over their deflated bytes; 1 where there are none."""

    def is_silence(self, options: DecodingOptions) -> bool:
        """Whether there was probably no speech: drop the text."""
        unlikely = self.decoded.average_logprob < options.min_logprob
        return unlikely and self.decoded.no_speech > options.max_no_speech

    def needs_another(self, options: DecodingOptions) -> bool:
        """Whether the next temperature should be tried."""
        if self.is_silence(options):
            return False
        return self.compression > options.max_compression or self.decoded.average_logprob < options.min_logprob


def decode_with_fallback(
    model: WhisperModel,
    encoding: object,
    request: Request,
    tokenizer: Tokenizer,
    options: DecodingOptions,
    first: Decoded | None = None,
    joint: Joint | None = None,
) -> Attempt:
    """The first attempt that is believable, else the last.

    Args:
        model: the Whisper.
        encoding: what its encoder said about the window.
        request: how to decode it; the same at every temperature.
        tokenizer: its vocabulary.
        options: temperatures in order, at least one, and the thresholds. The same seed gives the same text.
        first: what greedy decoding said, where that is known already; it stands for the first temperature.
        joint: who else has a say in a beam search.
    """
    for i, temperature in enumerate(options.temperatures):
        known = first if i == 0 else None
        decoded = known or _decoded(model, encoding, request, options, temperature, joint)
        attempt = attempted(decoded, tokenizer, temperature)
        if not attempt.needs_another(options):
            break
    return attempt


def search(
    model: WhisperModel, encoding: object, request: Request, options: DecodingOptions, joint: Joint | None = None
) -> Decoded:
    """Greedy decoding, or beam search where more than one beam is wanted."""
    if options.beams > 1:
        return beam_search(model, encoding, request, options.beams, options.length_penalty, joint)
    return greedy(model, encoding, request)


def attempted(decoded: Decoded, tokenizer: Tokenizer, temperature: float) -> Attempt:
    """What was decoded, with what it is judged by."""
    text = tokenizer.decode(decoded.tokens)
    return Attempt(decoded, text, temperature, compression_ratio(text) if text else 1.0)


def _decoded(
    model: WhisperModel,
    encoding: object,
    request: Request,
    options: DecodingOptions,
    temperature: float,
    joint: Joint | None,
) -> Decoded:
    if temperature > 0.0:
        return greedy(model, encoding, request, Sampler(temperature, options.seed))
    return search(model, encoding, request, options, joint)
