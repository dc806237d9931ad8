"""`voxduct codec compare`: one recording through several codecs; what each costs, and what comes back.

kbit/s follows from books, codes and frames. The mel distance is between the recording and what came back, both at
16 kHz: nothing above 8 kHz counts. It compares codecs that are alike; a generative one may sound better than it says.
Real-time factors are seconds of computing for one second of sound.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from voxduct.bench.codec_comparison import CodecFigures, measure_codec
from voxduct.cli.arguments import Commands, add_engine_options, engine_options, positive_int
from voxduct.cli.recordings import Recording
from voxduct.codec.clip import ClipCodec, StreamedClips
from voxduct.codec.lyra import Rate
from voxduct.loading import OWN_FAMILY, EngineOptions, load_clip_codec, load_codec, load_lyra

LYRA = "lyra"


def register(actions: Commands) -> None:
    """Adds the action."""
    text = "one recording through several codecs"
    parser = actions.add_parser("compare", help=text, description=__doc__, allow_abbrev=False)
    parser.add_argument("input", type=Path, metavar="IN")
    which = f"{OWN_FAMILY}, {LYRA} (at its three rates), or a folder; may be given again (default {OWN_FAMILY})"
    parser.add_argument("--codec", action="append", metavar="CODEC", help=which)
    parser.add_argument("--rounds", type=positive_int, default=1, help="how often; the fastest counts (default 1)")
    parser.add_argument("--json", action="store_true", help="one JSON object per codec, a line each")
    add_engine_options(parser, hears=False, speaks=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints a row for each codec; all are loaded before the first is run, so that a wrong name ends it at once."""
    clip = Recording(options.input).samples()
    names = options.codec or [OWN_FAMILY]
    codecs = [found for name in names for found in _load(name, engine_options(options))]
    rows = (measure_codec(name, codec, clip, options.rounds) for name, codec in codecs)
    if options.json:
        for row in rows:
            print(json.dumps(row.as_json()), flush=True)
    else:
        _print_table(rows, max(len(name) for name, _ in codecs))
    return 0


def _load(name: str, options: EngineOptions) -> Iterator[tuple[str, ClipCodec]]:
    if name == OWN_FAMILY:
        codec = load_codec(options)
        yield name, StreamedClips(codec, OWN_FAMILY, codec.delay_samples)
    elif name == LYRA:
        for rate in Rate:
            yield f"{LYRA} {rate.kbps:g}", StreamedClips(load_lyra(options, rate), LYRA)
    else:
        yield name, load_clip_codec(options, name)


def _print_table(rows: Iterable[CodecFigures], width: int) -> None:
    print(f"{'codec':{width}}  {'kbit/s':>7}  {'mel distance':>12}  {'encode RTF':>10}  {'decode RTF':>10}")
    for row in rows:
        print(
            f"{row.name:{width}}  {row.kbps:7.2f}  {row.mel_distance:12.3f}  {row.encode_rtf:10.4f}  "
            f"{row.decode_rtf:10.4f}",
            flush=True,
        )
