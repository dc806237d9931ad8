"""`voxduct codec --codec lyra`: sound to Lyra's own packets, one after the other, and back.

A packet is 20 ms and has no header, so whoever decodes must know the rate. `-` is a pipe: on it, sound is 16-bit
little-endian mono at 16 kHz without a header, and goes on frame by frame as it comes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np

from voxduct.audio import PCM16_SCALE, Samples, to_seconds
from voxduct.cli.arguments import engine_options
from voxduct.cli.recordings import Recording, write_wav
from voxduct.codec.lyra import Rate, pack_stream, unpack_stream
from voxduct.codec.stream import CodecDecoderStream, CodecEncoderStream
from voxduct.errors import AudioFormatError
from voxduct.loading import load_lyra

PIPE = Path("-")
DEFAULT = Rate.KBPS_3_2  # as Lyra's own tools have it
SAMPLE_BYTES = 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """The rate."""
    rates = ", ".join(f"{rate.kbps:g}" for rate in Rate)
    own = "of --codec voxduct, where it is encoded: 0.5, 1, 1.5 or 2 (default 2)"
    parser.add_argument("--kbps", type=float, help=f"{own}; of lyra: {rates} (default {DEFAULT.kbps:g})")


def encode(options: argparse.Namespace) -> int:
    """A sound file, or a pipe, to packets."""
    codec = load_lyra(engine_options(options), _rate(options))
    blocks = _pcm_blocks(codec.frame_size) if options.input == PIPE else Recording(options.input).blocks()
    stream, samples, sent = CodecEncoderStream(codec), 0, 0
    with ExitStack() as stack:
        out = _opened(options.output, stack)
        for block in blocks:
            samples += len(block)
            sent += _send(out, pack_stream(stream.feed(block)))
        sent += _send(out, pack_stream(stream.flush()))
    seconds = to_seconds(samples, codec.sample_rate)
    print(f"{options.output}: {seconds:.2f} s in {sent} bytes ({codec.rate.kbps:g} kbit/s)", file=sys.stderr)
    return 0


def decode(options: argparse.Namespace) -> int:
    """Packets to a WAV file, or to a pipe."""
    codec = load_lyra(engine_options(options), _rate(options))
    stream = CodecDecoderStream(codec)
    with ExitStack() as stack:
        source = sys.stdin.buffer if options.input == PIPE else stack.enter_context(options.input.open("rb"))
        blocks = (stream.feed(unpack_stream(packet, codec.rate)) for packet in _pieces(source, codec.rate.packet_bytes))
        if options.output == PIPE:
            for block in blocks:
                _send(sys.stdout.buffer, _pcm(block))
        else:
            write_wav(options.output, np.concatenate([*blocks, np.zeros(0, np.float32)]), codec.sample_rate)
    return 0


def _rate(options: argparse.Namespace) -> Rate:
    return DEFAULT if options.kbps is None else Rate.of_kbps(options.kbps)


def _opened(path: Path, stack: ExitStack) -> BinaryIO:
    return sys.stdout.buffer if path == PIPE else stack.enter_context(path.open("wb"))


def _send(out: BinaryIO, data: bytes) -> int:
    out.write(data)
    out.flush()
    return len(data)


def _pieces(source: BinaryIO, size: int) -> Iterator[bytes]:
    """Pieces of so many bytes, the last one shorter if the source ends within it."""
    while piece := source.read(size):
        yield piece


def _pcm_blocks(frame_size: int) -> Iterator[Samples]:
    for piece in _pieces(sys.stdin.buffer, frame_size * SAMPLE_BYTES):
        if len(piece) % SAMPLE_BYTES:
            raise AudioFormatError("the sound on the pipe ends within a sample; is it 16-bit PCM without a header?")
        yield np.frombuffer(piece, "<i2").astype(np.float32) / np.float32(PCM16_SCALE)


def _pcm(samples: Samples) -> bytes:
    scaled = np.clip(np.rint(samples * PCM16_SCALE), -PCM16_SCALE, PCM16_SCALE - 1)
    data: bytes = scaled.astype("<i2").tobytes()
    return data
