"""faster-whisper: windows of 30 s, int8, greedy; `transcribe` as its users call it."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.peers.serve import Recognised, Samples, serve
from voxduct.bench.peer_protocol import Load, Run

MULTILINGUAL_PROMPT, ENGLISH_PROMPT = 4, 2  # tokens: start, language, task, no timestamps


class FasterWhisperEngine:
    """Loads a folder that CTranslate2's converter made."""

    package = "faster-whisper"
    _model: Any
    _spent: dict[str, float]

    def load(self, order: Load) -> None:
        from faster_whisper import WhisperModel

        self._model = WhisperModel(
            order.folder, device="cpu", compute_type="int8", cpu_threads=order.threads, num_workers=1,
            local_files_only=True,
        )  # fmt: skip
        self._spent = {}
        self._end = self._model.hf_tokenizer.token_to_id("<|endoftext|>")
        self._model.encode = self._timed("encode", self._model.encode)
        self._model.feature_extractor = self._timed("features", self._model.feature_extractor)

    def _forced(self, budget: int) -> dict[str, Any]:
        """CTranslate2 chooses at most half of `max_length` tokens, which here is the prompt's and `max_new_tokens`."""
        prompt = MULTILINGUAL_PROMPT if self._model.model.is_multilingual else ENGLISH_PROMPT
        return {"max_new_tokens": 2 * budget - prompt, "suppress_tokens": [self._end]}

    def _timed(self, name: str, call: Any) -> Any:
        return Timed(call, name, self._spent)

    def recognise(self, samples: Samples, order: Run) -> Recognised:
        self._spent.clear()
        forced = {} if order.budget is None else self._forced(order.budget)
        segments, _ = self._model.transcribe(
            samples, language="en", beam_size=1, best_of=1, temperature=0.0, without_timestamps=True,
            condition_on_previous_text=False, compression_ratio_threshold=None, log_prob_threshold=None,
            no_speech_threshold=None, vad_filter=False, word_timestamps=False, **forced,
        )  # fmt: skip
        heard = list(segments)
        tokens = [token for segment in heard for token in segment.tokens if token < self._end]
        return Recognised(
            tokens=len(tokens),
            text="".join(segment.text for segment in heard),
            features_s=self._spent.get("features", 0.0),
            encode_s=self._spent.get("encode", 0.0),
        )


class Timed:
    """A callable that adds up the seconds of its calls and is otherwise what it wraps."""

    def __init__(self, wrapped: Any, name: str, spent: dict[str, float]) -> None:
        self._wrapped, self._name, self._spent = wrapped, name, spent

    def __call__(self, *given: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return self._wrapped(*given, **named)
        finally:
            self._spent[self._name] = self._spent.get(self._name, 0.0) + time.perf_counter() - start

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)


if __name__ == "__main__":
    serve(FasterWhisperEngine())
