"""The installed synthesisers as a folder that works elsewhere: espeak-ng (English only), flite and festival.

Only what speaks is taken. The sound cards' libraries, which the synthesisers are linked with and never call when
they write into memory or a file, are replaced by silent ones: the real ones would bring thirty more libraries along.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
FLITE = ("", "_usenglish", "_cmulex", *(f"_cmu_us_{name}" for name in ("slt", "rms", "awb", "kal16", "kal")))
SPEAKING = ("libespeak-ng.so.1", "libsonic.so.0", *(f"libflite{name}.so.1" for name in FLITE))
FLITE_PROGRAM = tuple(
    f"libflite_cmu_{name}.so.1" for name in ("time_awb", "indic_lang", "indic_lex", "grapheme_lang", "grapheme_lex")
)
SOUND_CARDS = ("libpcaudio.so.0", "libasound.so.2", "libpulse-simple.so.0")
FESTIVAL_LIBRARIES = ("libestools.so.2.5", "libestbase.so.2.5", "libeststring.so.2.5", "libtinfo.so.6", "libgomp.so.1")
ESPEAK_DATA = ("phondata", "phonindex", "phontab", "intonations", "en_dict", "voices/!v", "lang/gmw")
FESTIVAL, VOICE = Path("/usr/share/festival"), "voices/us/cmu_us_slt_arctic_hts"
TEXT2WAVE = """#!/bin/sh
# festival's own text2wave, wherever this folder lies
here=$(cd "$(dirname "$0")/.." && pwd)
export LD_LIBRARY_PATH="$here/lib:$here/festival-lib"
arguments=
for argument; do
    arguments="$arguments \\"$(printf %s "$argument" | sed 's/[\\\\"]/\\\\&/g')\\""
done
exec "$here/festival-lib/festival" --datadir "$here/festival" --libdir "$here/festival" \\
    --batch "(set! argv '($arguments))" "$here/festival/text2wave.scm"
"""


def write_synthesisers(out: Path) -> None:
    """Write lib/, espeak-ng-data/ and, where it is installed, festival under `out`.

    Raises:
        FileNotFoundError: espeak-ng or flite is not installed, or there is no C compiler.
    """
    (out / "lib").mkdir(parents=True)
    for name in SPEAKING:
        shutil.copy(LIBRARIES / name, out / "lib" / name)
    write_espeak_data(out / "espeak-ng-data")
    festival = (FESTIVAL / VOICE).is_dir()
    for name in SOUND_CARDS if festival else SOUND_CARDS[:2]:
        write_silent(LIBRARIES / name, out / "lib" / name)
    if festival:
        write_festival(out)
    else:
        print("festival with us-slt-hts is not installed: left out, the corpus does without it")


def write_programs(out: Path) -> None:
    """The programs `flite` and `espeak-ng` too, which the voice's recipes call, and the libraries they add."""
    (out / "bin").mkdir(exist_ok=True)
    for name in ("flite", "espeak-ng"):
        shutil.copy(f"/usr/bin/{name}", out / "bin" / name)
    for name in FLITE_PROGRAM:
        shutil.copy(LIBRARIES / name, out / "lib" / name)


def write_espeak_data(out: Path) -> None:
    """The phonemes, variants and Germanic voices of espeak-ng, and the English dictionary alone."""
    for name in ESPEAK_DATA:
        source, to = LIBRARIES / "espeak-ng-data" / name, out / name
        to.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, to)
        else:
            shutil.copy(source, to)


def write_festival(out: Path) -> None:
    """festival's program, libraries, rules, dictionary and one voice; its paths made to follow `--datadir`."""
    keep = {"dicts", "voices", "languages"}
    (out / "festival").mkdir()
    for path in FESTIVAL.iterdir():
        if path.is_file():
            (out / "festival" / path.name).write_bytes(_followed(path.read_bytes()))
    for name in (*sorted(keep - {"voices"}), VOICE):
        if (FESTIVAL / name).is_dir():
            shutil.copytree(FESTIVAL / name, out / "festival" / name)
    script = Path("/usr/bin/text2wave").read_text(encoding="utf8").partition("\n")[2]
    (out / "festival" / "text2wave.scm").write_text(script, encoding="utf8")
    (out / "festival-lib").mkdir()
    for source in (Path("/usr/bin/festival"), *(_library(name) for name in FESTIVAL_LIBRARIES)):
        shutil.copy(source, out / "festival-lib")
    (out / "bin").mkdir()
    (out / "bin" / "text2wave").write_text(TEXT2WAVE, encoding="utf8")
    (out / "bin" / "text2wave").chmod(0o755)


def _library(name: str) -> Path:
    return next(path for path in (LIBRARIES / name, Path("/lib/x86_64-linux-gnu") / name) if path.exists())


def _followed(scheme: bytes) -> bytes:
    """Absolute paths under festival's data become paths under wherever that lies."""
    found = re.sub(rb"'\(\"/usr/share/festival/([a-z]+)/\" *\)", rb'(list (path-append datadir "\1/"))', scheme)
    return re.sub(rb"\"/usr/share/festival/([a-z]+)/\"", rb'(path-append datadir "\1/")', found)


def write_silent(real: Path, to: Path) -> None:
    """A library that exports the functions of `real` under their versions, each doing nothing."""
    listed = subprocess.run(["nm", "-D", "--defined-only", real], check=True, capture_output=True, text=True).stdout
    versions: dict[str, list[str]] = defaultdict(list)
    for line in listed.splitlines():
        kind, symbol = line.split()[-2:]
        name, at, version = symbol.partition("@@")
        if kind in "TWi" and "@" not in name:
            versions[version if at else ""].append(name)
    functions = [f"void *{name}(void) {{ return 0; }}\n" for names in versions.values() for name in names]
    script = [f"{version} {{ global: {'; '.join(names)}; }};\n" for version, names in versions.items() if version]
    with tempfile.TemporaryDirectory() as name:
        source, map_file = Path(name) / "silent.c", Path(name) / "silent.map"
        source.write_text("".join(functions), encoding="utf8")
        map_file.write_text("".join(script), encoding="utf8")
        command = ["cc", "-shared", "-fPIC", "-fno-builtin", "-w", "-O1", "-nostdlib", f"-Wl,-soname,{to.name}"]
        versioned = [f"-Wl,--version-script,{map_file}"] if script else []
        subprocess.run([*command, *versioned, "-o", to, source], check=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    write_synthesisers(parser.parse_args().out)


if __name__ == "__main__":
    main()
