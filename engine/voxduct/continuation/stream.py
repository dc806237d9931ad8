"""A prompt to sound that goes on after it, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxduct.audio import Samples
from voxduct.codec.stream import CodecEncoderStream
from voxduct.continuation.acoustic import FRAMES_PER_TOKEN, FrameStream, PrimedVoice, prime_voice
from voxduct.continuation.guard import Remedy, SilenceGuard
from voxduct.continuation.kept_timbre import KeptTimbre
from voxduct.continuation.options import ContinuationConfig, ContinuationOptions
from voxduct.continuation.prompt import Prompt
from voxduct.continuation.semantic import PrimedTokens, TokenStream, prime_tokens
from voxduct.errors import ModelError
from voxduct.loudness import limited
from voxduct.models import AcousticLm, Codec, Ints, SemanticLm, SemanticTokenizer
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.sampling import request_rng

SEMANTIC, ACOUSTIC = 0, 1  # each stage has random numbers of its own
DOUBTFUL = 1  # last tokens of a prompt that are drawn anew: the encoder could not hear what follows them


@dataclass(frozen=True, slots=True, eq=False)
class HeardPrompt:
    """A prompt as the models know it. Any number of continuations may be drawn from one."""

    tokens: PrimedTokens
    voice: PrimedVoice
    codes: Ints
    """All of them, shape [books, frames]: what the decoder says before the continuation begins."""
    gain: float


class Continuer:
    """The models of a continuation; shared by all streams."""

    def __init__(
        self,
        tokenizer: SemanticTokenizer,
        semantic: SemanticLm,
        acoustic: AcousticLm,
        codec: Codec,
        config: ContinuationConfig,
        code_vectors: CodeVectors | None = None,
    ) -> None:
        """`code_vectors`: the codec's; without them nothing keeps a continuation in its prompt's timbre.

        Raises ModelError when the codec is not the one that the models were trained on.
        """
        if codec.frame_size * FRAMES_PER_TOKEN != tokenizer.token_samples or codec.num_codebooks != len(config.delays):
            raise ModelError(
                f"the continuation model speaks {len(config.delays)} books, two frames to {tokenizer.token_samples} "
                f"samples; the codec has {codec.num_codebooks} books and frames of {codec.frame_size}"
            )
        self.codec = codec
        self.code_vectors = code_vectors
        self.config = config
        self.semantic = semantic
        self.acoustic = acoustic
        self.tokenizer = tokenizer

    def hear(self, prompt: Prompt) -> HeardPrompt:
        """Tokens, codes and voice of a prompt: some tenths of a second of work.

        Raises:
            InferenceError: a model failed.
        """
        step = self.tokenizer.token_samples
        samples = prompt.samples[len(prompt.samples) % step :]
        tokens = self.tokenizer.tokens(samples)
        tokens = tokens[: max(1, len(tokens) - DOUBTFUL)]
        codes = CodecEncoderStream(self.codec).feed(samples)
        # Code frame 0 lies before the first token's sound, see `training/voxduct_training/continue_data.py`.
        return HeardPrompt(
            prime_tokens(self.semantic, tokens, self.config),
            prime_voice(self.acoustic, codes[:, 1:], tokens, self.config),
            codes,
            prompt.gain,
        )


class ContinuationStream:
    """Samples one frame after the other.

    They depend on the prompt and the options alone, not on when they are asked for. Memory is bounded by the
    models' windows, however long it goes on.
    """

    def __init__(self, continuer: Continuer, heard: HeardPrompt, options: ContinuationOptions) -> None:
        config, self._codec = continuer.config, continuer.codec
        self._tokens = TokenStream(
            continuer.semantic, config, heard.tokens, options.temperature, request_rng(options.seed, SEMANTIC)
        )
        self._frames = FrameStream(
            continuer.acoustic, config, heard.voice, options.temperature, request_rng(options.seed, ACOUSTIC)
        )
        self._timbre = KeptTimbre(heard.codes, continuer.code_vectors)
        self._guard = SilenceGuard()
        self._gain = np.float32(1.0 / heard.gain)
        self._left = round(options.seconds * self._codec.sample_rate)
        self._decoder = self._codec.new_decoder_state()
        self._codec.decode(heard.codes, self._decoder)
        self.overlap: Samples = self._decode()
        """The prompt's last frame as the codec says it: what a player fades into from the recording itself."""

    def next_samples(self) -> Samples | None:
        """The next frame's samples, fewer in the last; None when all seconds are over. Runs the models.

        Raises:
            InferenceError: a model failed.
        """
        if self._left <= 0:
            return None
        samples = self._decode()[: self._left]
        self._left -= len(samples)
        return samples

    def _decode(self) -> Samples:
        decoded = self._codec.decode(self._next_frame()[:, None], self._decoder)
        self._guard.feed(decoded)
        return limited(decoded * self._gain)

    def _next_frame(self) -> Ints:
        while True:
            while self._frames.wants_token:
                remedy = self._guard.remedy()
                if remedy is Remedy.RESTART:
                    self._frames.restart()
                self._frames.feed(self._tokens.next_token(sounding=remedy is not Remedy.NONE))
            frame = self._frames.next_frame()
            if frame is not None:
                return self._timbre.keep(frame)
