"""How many books a codec has and how often each is used: what configuration and graphs say between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxduct.errors import ModelError
from voxduct.onnx.codecs.decoder import CodecDecoder
from voxduct.onnx.codecs.encoder import CodecEncoder
from voxduct.onnx.codecs.families import OWN, CodecFacts

PROBE_FRAMES = 32  # enough for what convolutions pad


def find_rates(
    folder: Path, facts: CodecFacts, encoder: CodecEncoder | None, decoder: CodecDecoder | None
) -> tuple[int, ...]:
    """Codes of each book in one frame, where configuration and graphs agree; else raises ModelError."""
    sides = [side for side in (encoder, decoder) if side is not None]
    tensors = {side.num_tensors for side in sides}
    if len(tensors) > 1:
        raise ModelError(f"{folder}: encoder and decoder do not have codes in as many tensors; they are of two codecs")
    if tensors != {1}:
        if facts.rates is None or {len(facts.rates)} != tensors:
            raise ModelError(f"{folder} has codes in {tensors.pop()} tensors; write their rates into {OWN}")
        return facts.rates
    books = {side.num_books for side in sides} - {None}
    if len(books) > 1:
        raise ModelError(f"{folder}: encoder and decoder have {sorted(map(str, books))} books; they are of two codecs")
    count = books.pop() or 0 if books else _probe(folder, facts, encoder)
    if facts.rates is not None and facts.rates != (1,) * count:
        raise ModelError(f"{folder} has {count} books in one tensor, which are not at rates {facts.rates}")
    return (1,) * count


def _probe(folder: Path, facts: CodecFacts, encoder: CodecEncoder | None) -> int:
    """Books of a graph that leaves them open: as many as it makes of silence."""
    if facts.rates is not None:
        return len(facts.rates)
    if encoder is None:
        raise ModelError(f"{folder} does not say how many books it has; write rates into {OWN}")
    silence = np.zeros(encoder.fixed_samples or PROBE_FRAMES * facts.frame_size, np.float32)
    codes = encoder.run(silence, (1,), encoder.graph.new_memory()).codes
    return len(codes)
