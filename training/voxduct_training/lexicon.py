"""The pronunciation lexicon: CMUdict 0.4 as Festival and flite carry it, newer words of 0.7b, our own additions.

The voice learns from flite's phones, so flite's spelling of a pronunciation is the truth: 99.9 % of flite's look-ups
equal its source, `cmudict-0.4.out` of Debian's festlex-cmu. CMUdict 0.7b only adds words that 0.4 lacks.

One line per pronunciation, `word` or `word/pos`, a tab, phones; sorted, xz. `pos` is Festival's (n, v, v_p, j, r, dt).
"""

from __future__ import annotations

import argparse
import lzma
import re
import shutil
from pathlib import Path

HERE = Path(__file__).parent
FESTIVAL = Path("/usr/share/festival/dicts/cmu/cmudict-0.4.out")
ENTRY = re.compile(r'\("([^"]+)" (\S+) \((.*)\)\)')
PHONES = tuple(
    "aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh".split()
)
LONGEST_WORD = 28
DEFAULT_POS = ("nil", "n", "j", "v", "r", "dt")

Pronunciations = dict[str, tuple[str, ...]]


def read_festival(path: Path) -> Pronunciations:
    """`word` to its default phones, and `word/pos` to the others where parts of speech differ."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        match = ENTRY.match(line.strip())
        if match and re.fullmatch(r"[a-z']+", match[1].lower()):
            phones = tuple(re.findall(r"[a-z]+", match[3]))
            found.setdefault(match[1].lower(), {}).setdefault(match[2], phones)
    entries: Pronunciations = {}
    for word, by_pos in found.items():
        default = min(by_pos, key=lambda pos: DEFAULT_POS.index(pos) if pos in DEFAULT_POS else 9)
        entries[word] = by_pos[default]
        if len(set(by_pos.values())) > 1:
            entries.update({f"{word}/{pos}": phones for pos, phones in by_pos.items() if pos != "nil"})
    return entries


def flite_phone(arpabet: str) -> str:
    """CMUdict's phone with stress in flite's spelling: unstressed AH is `ax`, the rest is lower case."""
    return "ax" if arpabet == "AH0" else arpabet.rstrip("012").lower()


def read_cmudict(path: Path) -> Pronunciations:
    """First pronunciation of every plain word; possessives are made by rule and left out."""
    entries: Pronunciations = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, *phones = line.split("#")[0].split()
        if re.fullmatch(r"[a-z]+", word) and word not in entries:
            entries[word] = tuple(flite_phone(phone) for phone in phones)
    return entries


def read_additions(path: Path) -> Pronunciations:
    """Our own list: `word phone phone ...` per line, `#` starts a comment."""
    entries: Pronunciations = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split("#")[0].split()
        if fields:
            entries[fields[0]] = tuple(fields[1:])
    return entries


def build(festival: Path, cmudict: Path | None, additions: Path) -> Pronunciations:
    """All sources joined: additions win over Festival, Festival over CMUdict 0.7b."""
    entries = read_cmudict(cmudict) if cmudict else {}
    entries |= read_festival(festival)
    entries |= read_additions(additions)
    known = set(PHONES)
    bad = {word: phones for word, phones in entries.items() if not phones or set(phones) - known}
    if bad:
        raise ValueError(f"{len(bad)} entries have unknown phones, e.g. {next(iter(bad.items()))}")
    return {word: phones for word, phones in entries.items() if len(word) <= LONGEST_WORD}


def write(entries: Pronunciations, path: Path) -> None:
    """The shipped file; the same entries give the same bytes."""
    text = "".join(f"{word}\t{' '.join(entries[word])}\n" for word in sorted(entries))
    path.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


def read(path: Path) -> Pronunciations:
    """What `write` wrote."""
    lines = lzma.decompress(path.read_bytes()).decode().splitlines()
    return {word: tuple(phones.split()) for word, phones in (line.split("\t") for line in lines)}


def main() -> None:
    """Builds `lexicon.txt.xz` and its licence texts in a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--festival", type=Path, default=FESTIVAL)
    parser.add_argument("--cmudict", type=Path, help="cmudict.dict of CMUdict 0.7b (BSD)")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    entries = build(given.festival, given.cmudict, HERE / "lexicon_additions.txt")
    write(entries, given.out / "lexicon.txt.xz")
    shutil.copyfile(HERE / "lexicon_licences.txt", given.out / "lexicon.LICENSE")
    print(f"{len(entries)} pronunciations, {(given.out / 'lexicon.txt.xz').stat().st_size} bytes")


if __name__ == "__main__":
    main()
