"""Voxduct's recogniser: the window's own length, int8 graphs, greedy; no word times."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.peers.serve import Recognised, Samples, Stopwatch, serve
from voxduct.asr.decode.greedy import Decoded, Request, StopReason, greedy
from voxduct.asr.decode.prompt import build_prompt
from voxduct.asr.decode.rules import SuppressFrom, text_rules
from voxduct.asr.recogniser import Recogniser
from voxduct.bench.peer_protocol import Load, Run
from voxduct.onnx.runtime import OrtOptions
from voxduct.onnx.whisper import load_recogniser

LANGUAGE = "en"


class VoxductEngine:
    """Loads a folder that `prepare` made."""

    package = "voxduct"
    _recogniser: Recogniser

    def load(self, order: Load) -> None:
        options = OrtOptions(intra_op_threads=order.threads, spinning=order.spinning)
        self._recogniser = load_recogniser(Path(order.folder), options)

    def recognise(self, samples: Samples, order: Run) -> Recognised:
        recogniser, watch = self._recogniser, Stopwatch()
        window = np.pad(samples, (0, max(0, order.window - samples.size)))
        log_mel = recogniser.log_mel.compute(window)
        features_s = watch.lap()
        encoding = recogniser.model.encode(log_mel)
        encode_s = watch.lap()
        decoded = greedy(recogniser.model, encoding, self._request(samples.size, order.budget))
        text = recogniser.tokenizer.decode(decoded.tokens)
        return Recognised(tokens=chosen(decoded), text=text, features_s=features_s, encode_s=encode_s)

    def _request(self, samples: int, budget: int | None) -> Request:
        tokenizer, decoding = self._recogniser.tokenizer, self._recogniser.decoding
        rules = text_rules(tokenizer, decoding)
        language = LANGUAGE if self._recogniser.multilingual else None
        prompt = build_prompt(tokenizer, self._recogniser.options, language, room=decoding.max_previous)
        if budget is None:
            return Request.of_text(tokenizer, decoding, rules, prompt, samples)
        return Request(
            prompt=prompt,
            rules=(*rules, SuppressFrom(tokenizer.end)),
            limit=budget - 1,  # one more is chosen, and found to be too many
            start=tokenizer.start,
            end=tokenizer.end,
            no_speech=tokenizer.no_speech,
            stop_at_loops=False,
        )


def chosen(decoded: Decoded) -> int:
    """Tokens that the decoder ran for: at the limit one more was chosen than was kept."""
    return len(decoded.tokens) + (decoded.reason is StopReason.RATE)


if __name__ == "__main__":
    serve(VoxductEngine())
