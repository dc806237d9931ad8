"""Greedy decoding of several windows at once: one decoder run a step for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from voxduct.asr.decode.greedy import Decoded, Hypothesis, Request, most_probable
from voxduct.models import BatchStep, DecoderStep, WhisperModel


def greedy_batch(model: WhisperModel, encodings: Sequence[object], requests: Sequence[Request]) -> list[Decoded]:
    """Decodes windows together, each as `greedy` would alone; rows that have ended are taken out of the batch.

    Args:
        model: the Whisper.
        encodings: of windows of equal length.
        requests: one for each, with prompts of equal length and no forced tokens.
    """
    state = model.new_batch(encodings)
    step = model.decode_batch(np.array([request.prompt for request in requests], np.int64), state)
    texts = [Hypothesis(request, _row(step, row)) for row, request in enumerate(requests)]
    live = texts
    while True:
        tokens = [text.extend(step.logits[row, -1], most_probable) for row, text in enumerate(live)]
        going_on = [row for row, token in enumerate(tokens) if token is not None]
        if not going_on:
            return [_cropped(text.decoded(), model.num_frames(own)) for text, own in zip(texts, encodings, strict=True)]
        live = [live[row] for row in going_on]
        model.select(going_on, state)
        step = model.decode_batch(np.array([[tokens[row]] for row in going_on], np.int64), state)
        for row, text in enumerate(live):
            text.attend(None if step.attention is None else step.attention[row, :, -1])


def _row(step: BatchStep, row: int) -> DecoderStep:
    return DecoderStep(step.logits[row], None if step.attention is None else step.attention[row])


def _cropped(decoded: Decoded, frames: int) -> Decoded:
    """With attention over the window's own frames only."""
    return decoded if decoded.attention is None else replace(decoded, attention=decoded.attention[..., :frames])
