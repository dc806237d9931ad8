"""`voxduct codec --codec FOLDER`: a recording to the codes of an exported codec, and back.

These codecs mostly take a recording as a whole, so it lies in memory. The WAV file that comes back has the codec's own
sample rate.
"""

from __future__ import annotations

import argparse
import sys

from voxduct.audio import to_seconds
from voxduct.cli.arguments import engine_options
from voxduct.cli.recordings import Recording, write_wav
from voxduct.codec.packed import pack, unpack
from voxduct.loading import load_clip_codec


def encode(options: argparse.Namespace) -> int:
    """A sound file to codes."""
    recording = Recording(options.input)
    codec = load_clip_codec(engine_options(options), options.codec)
    about = codec.description
    samples = recording.samples(about.sample_rate)
    data = pack(codec.encode_clip(samples))
    options.output.write_bytes(data)
    seconds = to_seconds(len(samples), about.sample_rate)
    print(f"{options.output}: {seconds:.2f} s in {len(data)} bytes ({about.kbps:.2f} kbit/s)", file=sys.stderr)
    return 0


def decode(options: argparse.Namespace) -> int:
    """Codes to a WAV file."""
    packed = unpack(options.input.read_bytes())
    codec = load_clip_codec(engine_options(options), options.codec)
    write_wav(options.output, codec.decode_clip(packed), codec.description.sample_rate)
    return 0
