"""`voxduct codec encode|decode|compare`: sound to codes at a few kilobits per second, and back.

The file is a header line of JSON and then the codes, packed: see `voxduct.codec.packed`. It tells how many books were
sent, so that decoding takes no `--kbps`. With `--codec lyra` it is Lyra's packets one after the other: see
`voxduct.cli.codec_lyra`. With `--codec FOLDER` the codec is an exported EnCodec, DAC, Mimi, SNAC or WavTokenizer: see
`voxduct.cli.codec_folder`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from voxduct.audio import to_seconds
from voxduct.cli import codec_compare, codec_folder, codec_lyra
from voxduct.cli.arguments import Commands, add_engine_options, engine_options
from voxduct.cli.recordings import Recording, write_wav
from voxduct.codec.clip import check_codes, describe
from voxduct.codec.packed import PackedCodes, pack, unpack
from voxduct.codec.stream import CodecDecoderStream, CodecEncoderStream
from voxduct.errors import MessageError
from voxduct.loading import OWN_FAMILY, load_codec_at

FRAMES_AT_ONCE = 50
OURS, LYRA, FOLDER = "voxduct", "lyra", "folder"


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("codec", help="sound to codes and back", description=__doc__, allow_abbrev=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    runs = {
        "encode": {OURS: run_encode, LYRA: codec_lyra.encode, FOLDER: codec_folder.encode},
        "decode": {OURS: run_decode, LYRA: codec_lyra.decode, FOLDER: codec_folder.decode},
    }
    for name, text in (("encode", "sound to codes"), ("decode", "codes to a WAV file")):
        action = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
        action.add_argument("input", type=Path, metavar="IN")
        action.add_argument("output", type=Path, metavar="OUT")
        which = f"{OURS} (default), {LYRA}, or a folder with a codec's graphs; :fp16 after it chooses a precision"
        action.add_argument("--codec", default=OURS, help=which)
        codec_lyra.add_options(action)
        add_engine_options(action, hears=False, speaks=False)
        action.set_defaults(run=_run, runs=runs[name])
    codec_compare.register(actions)


def _run(options: argparse.Namespace) -> int:
    if options.codec not in (OURS, LYRA) and options.kbps is not None:
        raise MessageError("--kbps is of --codec voxduct and lyra; this codec has one rate", param="kbps")
    code: int = options.runs.get(options.codec, options.runs[FOLDER])(options)
    return code


def run_encode(options: argparse.Namespace) -> int:
    """A sound file to codes."""
    recording = Recording(options.input)
    codec, delay = load_codec_at(engine_options(options), options.kbps)
    stream = CodecEncoderStream(codec)
    samples, parts = 0, []
    for block in recording.blocks():
        samples += len(block)
        parts.append(stream.feed(block))
    parts.append(stream.flush(delay))
    codes = np.concatenate(parts, axis=1)
    data = pack(PackedCodes(codes, codec.cardinality, codec.sample_rate, codec.frame_size, samples))
    options.output.write_bytes(data)
    seconds, kbps = to_seconds(samples, codec.sample_rate), describe(codec, OWN_FAMILY).kbps
    print(f"{options.output}: {seconds:.2f} s in {len(data)} bytes ({kbps:.1f} kbit/s)", file=sys.stderr)
    return 0


def run_decode(options: argparse.Namespace) -> int:
    """Codes to a WAV file."""
    packed = unpack(options.input.read_bytes())
    codec, delay = load_codec_at(engine_options(options), books=packed.codes.shape[0])
    check_codes(packed, describe(codec, OWN_FAMILY))
    stream = CodecDecoderStream(codec, delay)
    pieces = range(0, packed.codes.shape[1], FRAMES_AT_ONCE)
    parts = [stream.feed(packed.codes[:, at : at + FRAMES_AT_ONCE]) for at in pieces]
    samples = np.concatenate([*parts, np.zeros(0, np.float32)])
    write_wav(options.output, samples[: packed.samples], codec.sample_rate)
    return 0
