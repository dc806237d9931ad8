"""Says what a bundle's run would use: every synthesiser speaks, and the libraries it came from are listed."""

from __future__ import annotations

import shutil
from pathlib import Path

import jiwer
import msgspec
import soundfile
import soxr
import torch

from voxduct_training.synthesiser import RATE, Voice, synthesise

VOICES = ("espeak/en-us/50/160/100", "flite/slt/180/100/100", "festival/cmu_us_slt_arctic_hts/0/100/100")


def main() -> None:
    """Command line."""
    for module in (jiwer, msgspec, soundfile, soxr, torch):
        print(f"{module.__name__} {getattr(module, '__version__', '')} {module.__file__}")
    print(f"cuda {torch.cuda.is_available()}")
    for name in VOICES if shutil.which("text2wave") else VOICES[:2]:
        speech = synthesise("a bundle can speak", Voice.parse(name))
        print(f"{name}: {len(speech.samples) / RATE:.2f} s")
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text(encoding="utf8").splitlines()}
    for path in sorted(path for path in mapped if "flite" in path or "espeak" in path):
        print(path)
    print(f"text2wave {shutil.which('text2wave')}")


if __name__ == "__main__":
    main()
