"""A codec as somebody exported it, behind `voxduct.models.Codec` and `voxduct.codec.clip.ClipCodec`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from voxduct.audio import Samples, to_seconds
from voxduct.codec.clip import check_codes, check_samples
from voxduct.codec.description import CodecDescription
from voxduct.codec.packed import PackedCodes
from voxduct.errors import AudioFormatError, InferenceError, ModelError
from voxduct.models import Ints
from voxduct.onnx.codecs.books import find_rates
from voxduct.onnx.codecs.decoder import CodecDecoder
from voxduct.onnx.codecs.encoder import CodecEncoder, Encoded
from voxduct.onnx.codecs.families import OWN, CodecFacts, read_facts
from voxduct.onnx.codecs.files import find_files
from voxduct.onnx.codecs.graph import Graph
from voxduct.onnx.runtime import OrtOptions

STREAM_FRAMES = 50  # frames that a graph with states is given at once
MAX_WHOLE_S = 600  # seconds that a graph without states is given at once
SPARE = 1.25  # frames may be so much more than the sound that they code: padding, stretches that overlap


class ExportedCodec:
    """EnCodec, DAC, Mimi, SNAC or WavTokenizer.

    A graph with states hears and says a stream piece by piece. One without takes every call for a whole recording: cut
    into pieces, sound and codes differ at the seams. A graph of a fixed length gets silence behind what is shorter, so
    that of a stream only the last piece may be.
    """

    def __init__(
        self,
        folder: Path,
        precision: str | None = None,
        options: OrtOptions | None = None,
        facts: CodecFacts | None = None,
    ) -> None:
        """Opens the graphs; one may be missing, then half of the methods raise. `facts` go before the folder's own.

        Raises:
            ModelError: a file is missing or wrong, or a graph is of a shape that is not understood.
            UnknownModelError: no graph of this precision.
        """
        facts = facts or read_facts(folder)
        files = find_files(folder, facts, precision)
        self.folder = folder
        self._encoder = None if files.encoder is None else CodecEncoder(files.encoder, options)
        self._decoder = None if files.decoder is None else CodecDecoder(files.decoder, options)
        if self._encoder is not None and self._decoder is not None and self._decoder.scales is not None:
            self._encoder.give_scales(self._decoder.scales)
        rates = find_rates(folder, facts, self._encoder, self._decoder)
        self.description = CodecDescription(
            facts.family.value, facts.sample_rate, facts.frame_size, facts.cardinality, rates
        )
        self.sample_rate, self.frame_size = facts.sample_rate, facts.frame_size
        self.num_codebooks, self.cardinality = self.description.codes_per_frame, facts.cardinality
        self.delay_samples = facts.delay_samples
        """By how much decoded samples lag behind the samples that were encoded."""

    @property
    def streams(self) -> bool:
        """Whether pieces of a recording give what the whole of it gives."""
        return all(side.graph.has_states for side in (self._encoder, self._decoder) if side is not None)

    @property
    def decoder_streams(self) -> bool:
        """Whether pieces of codes sound as the whole of them does."""
        return self._decoder is not None and self._decoder.graph.has_states

    def new_encoder_state(self) -> object:
        """The state of an encoder that has heard nothing; raises ModelError when there is no encoder."""
        return self._need_encoder().graph.new_memory()

    def new_decoder_state(self) -> object:
        """The state of a decoder that has said nothing; raises ModelError when there is no decoder."""
        return self._need_decoder().graph.new_memory()

    def encode(self, samples: Samples, state: object) -> Ints:
        """Samples of shape [n * frame_size], n at least 1, to codes [num_codebooks, n]; advances `state`.

        A graph without states may add frames at the end, where it can only take some more at once.

        Raises:
            InferenceError: the samples are no whole frames, the graph failed, or codes alone are not enough to decode;
                `state` stands before the piece on which it happened.
        """
        if not len(samples) or len(samples) % self.frame_size:
            raise InferenceError(f"{len(samples)} samples are no whole frames of {self.frame_size}")
        parts = list(self._encode(samples, state))
        if any(part.scales or part.stretches > 1 for part in parts):
            raise InferenceError(f"codes of {self.folder.name} go with scales or in stretches; encode whole clips")
        return np.concatenate([part.codes for part in parts], axis=1)

    def decode(self, codes: Ints, state: object) -> Samples:
        """Codes of shape [num_codebooks, n], n at least 1, to samples [n * frame_size]; advances `state`.

        Raises:
            InferenceError: the codes are none of this codec, or the graph failed; `state` stands before the piece on
                which it happened.
        """
        self._check(codes)
        decoder = self._need_decoder()
        if decoder.scales is not None:
            raise InferenceError(f"codes of {self.folder.name} go with scales; decode whole clips")
        step = decoder.fixed_frames(self.description.rates)
        if step is None:
            step = STREAM_FRAMES if decoder.graph.has_states else codes.shape[1]
        return np.concatenate([self._say(codes[:, at : at + step], state) for at in range(0, codes.shape[1], step)])

    def encode_clip(self, samples: Samples) -> PackedCodes:
        """Samples of shape [n] at the codec's own rate to codes, after silence was added up to whole frames.

        Raises:
            AudioFormatError: there are none, they are no sound, or too many for a graph without states.
            ModelError: there is no encoder. InferenceError: the graph failed.
        """
        check_samples(samples)
        self._check_length(len(samples), self._need_encoder().graph)
        padded = np.pad(samples, (0, self.delay_samples))
        padded = np.pad(padded, (0, -len(padded) % self.frame_size))
        parts = list(self._encode(padded, self.new_encoder_state()))
        if len(parts) > 1 and any(part.scales or part.stretches > 1 for part in parts):
            raise ModelError(f"{self.folder} has an encoder of fixed length that scales; export it with any length")
        about, codes = self.description, np.concatenate([part.codes for part in parts], axis=1)
        return PackedCodes(
            codes,
            about.cardinality,
            about.sample_rate,
            about.frame_size,
            len(samples),
            codec=about.family,
            rates=about.rates if len(set(about.rates)) > 1 else (),
            stretches=parts[0].stretches,
            scales=parts[0].scales,
        )

    def decode_clip(self, packed: PackedCodes) -> Samples:
        """Codes to as many samples as were encoded.

        Raises:
            AudioFormatError: the codes are of another codec, out of range, without their scales, or too many for a
                graph without states.
            ModelError: there is no decoder. InferenceError: the graph failed.
        """
        check_codes(packed, self.description)
        decoder = self._need_decoder()
        self._check_length(int(packed.codes.shape[1] * self.frame_size / SPARE), decoder.graph)
        if not packed.codes.shape[1]:
            return np.zeros(0, np.float32)
        if decoder.scales is None and packed.stretches == 1 and not packed.scales:
            sound = self.decode(packed.codes, self.new_decoder_state())[self.delay_samples :]
        else:
            sound = self._say_scaled(packed, decoder)
        return sound[: packed.samples]

    def _encode(self, samples: Samples, state: object) -> Iterator[Encoded]:
        """Piece by piece, where the graph remembers what it heard or takes no more at once."""
        encoder = self._need_encoder()
        step = encoder.fixed_samples
        if step is None:
            step = STREAM_FRAMES * self.frame_size if encoder.graph.has_states else len(samples)
        elif step % self.frame_size:
            raise ModelError(f"{encoder.graph.path} takes {step} samples, which are no frames of {self.frame_size}")
        for at in range(0, len(samples), step):
            piece = samples[at : at + step]
            frames = len(piece) // self.frame_size
            if encoder.fixed_samples is not None:
                piece = np.pad(piece, (0, step - len(piece)))
            found = encoder.run(piece, self.description.rates, state)
            if found.codes.shape[0] != self.num_codebooks or found.codes.shape[1] < frames:
                raise InferenceError(
                    f"{encoder.graph.path.name} made codes of shape {found.codes.shape} of {frames} frames; are books "
                    f"and frame size in config.json or {OWN} right?"
                )
            padded = encoder.fixed_samples is not None and found.stretches == 1
            yield Encoded(found.codes[:, :frames], 1, found.scales) if padded else found

    def _say(self, codes: Ints, state: object) -> Samples:
        """One piece; decoders of some shapes give a few samples less than they should, others more."""
        decoder, frames = self._need_decoder(), codes.shape[1]
        fixed = decoder.fixed_frames(self.description.rates)
        given = codes if fixed is None else np.pad(codes, ((0, 0), (0, fixed - frames)))
        sound = decoder.run(given, self.description.rates, state)
        missing = given.shape[1] * self.frame_size - len(sound)
        if abs(missing) >= self.frame_size:
            raise InferenceError(
                f"{decoder.graph.path.name} made {len(sound)} samples of {given.shape[1]} frames of {self.frame_size}; "
                f"is the frame size in config.json or {OWN} right?"
            )
        return np.pad(sound, (0, max(0, missing)))[: frames * self.frame_size]

    def _say_scaled(self, packed: PackedCodes, decoder: CodecDecoder) -> Samples:
        if (decoder.scales is not None) != bool(packed.scales):
            wrong = "lack their scales" if decoder.scales is not None else "have scales, which this decoder cannot take"
            raise AudioFormatError(f"these codes {wrong}; encode the sound again with {self.folder.name}")
        memory = decoder.graph.new_memory()
        sound = decoder.run(packed.codes, self.description.rates, memory, packed.stretches, packed.scales)
        return np.pad(sound[self.delay_samples :], (0, max(0, packed.samples + self.delay_samples - len(sound))))

    def _check(self, codes: Ints) -> None:
        if codes.ndim != 2 or codes.shape[0] != self.num_codebooks or not codes.shape[1]:
            raise InferenceError(f"codes of shape {codes.shape} are not of {self.num_codebooks} books")
        if codes.min() < 0 or codes.max() >= self.cardinality:
            raise InferenceError(f"there are codes outside 0 to {self.cardinality - 1}")

    def _check_length(self, samples: int, graph: Graph) -> None:
        if not graph.has_states and samples > MAX_WHOLE_S * self.sample_rate:
            raise AudioFormatError(
                f"{to_seconds(samples, self.sample_rate):.0f} s are more than {self.folder.name} takes at once, since "
                f"{graph.path.name} has no states; cut the recording into pieces of at most {MAX_WHOLE_S} s"
            )

    def _need_encoder(self) -> CodecEncoder:
        if self._encoder is None:
            raise ModelError(f"{self.folder} has no encoder, so it only decodes; fetch onnx/encoder_model.onnx as well")
        return self._encoder

    def _need_decoder(self) -> CodecDecoder:
        if self._decoder is None:
            raise ModelError(f"{self.folder} has no decoder, so it only encodes; fetch onnx/decoder_model.onnx as well")
        return self._decoder
