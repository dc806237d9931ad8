"""The code vectors of our own codec, out of the graph that decodes with them.

A graph is a protocol buffer, `ModelProto` of onnx/onnx's `onnx.proto`; read are the initialisers (graph 7, initializer
5) and of each dims (1), data_type (2) and raw_data (9).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from voxduct.errors import ModelError
from voxduct.models import Floats
from voxduct.onnx.codec import CODEC_TYPE
from voxduct.onnx.files import read_config
from voxduct.onnx.protobuf import fields_of
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.sound_parameters import MelCepstra, SoundParameters

GRAPH, INITIALIZER, DIMS, DATA_TYPE, RAW_DATA = 7, 5, 1, 2, 9
FLOAT = 1


def read_code_vectors(folder: Path, books: int, cardinality: int) -> CodeVectors | None:
    """The tables of `onnx/decoder.onnx`, in the order of the books, and what `config.json` says of their entries.

    None where the graph has not one such table for each book: what its codes mean is not the sum of a few vectors.

    Raises:
        ModelError: a file is missing or damaged, or entries are named that a vector does not have.
    """
    path = folder / "onnx" / "decoder.onnx"
    try:
        tables = list(_tables(path.read_bytes(), cardinality))
    except (OSError, ValueError, IndexError) as error:
        raise ModelError(f"{path} cannot be read: {error}; fetch it again") from error
    if len(tables) != books or len({table.shape for table in tables}) != 1:
        return None
    found = np.stack(tables)
    return CodeVectors(found, read_parameters(folder, found.shape[2]))


def read_parameters(folder: Path, width: int) -> SoundParameters | None:
    """The entry `parameters` of `config.json`; None where there is none.

    It has `pitch` and `loudness`, lists of places below `width`, as long as each other, and their scales
    `pitch_per_octave` and `loudness_per_db`. It may have `voicing`, places of the same number for each pitch, and
    `cepstra`, an object with the fields of `MelCepstra`.

    Raises:
        ModelError: it cannot be read, or is not like that.
    """
    entry = read_config(folder, CODEC_TYPE, ()).get("parameters")
    if entry is None:
        return None
    try:
        pitch, loudness = (tuple(int(place) for place in entry[name]) for name in ("pitch", "loudness"))
        voicing = tuple(int(place) for place in entry.get("voicing", ()))
        scales = float(entry["pitch_per_octave"]), float(entry["loudness_per_db"])
    except (TypeError, KeyError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'}: `parameters` lacks places or scales; export it again") from error
    places = {*pitch, *loudness, *voicing}
    fits = len(pitch) == len(loudness) > 0 == len(voicing) % len(pitch)
    fits = fits and len(places) == 2 * len(pitch) + len(voicing) and places <= set(range(width))
    if not fits or not all(0.0 < scale < np.inf for scale in scales):
        raise ModelError(f"{folder / 'config.json'}: `parameters` are not of vectors of {width}; export it again")
    part = _part(width, [pitch, loudness, *_by_band(voicing, len(pitch))]) if voicing else None
    cepstra = _cepstra(folder, entry, pitch, loudness, width)
    return SoundParameters(pitch, scales[0], loudness, scales[1], voicing, part, cepstra)


def _by_band(voicing: tuple[int, ...], moments: int) -> list[tuple[int, ...]]:
    bands = len(voicing) // moments
    return [voicing[band::bands] for band in range(bands)]


def _part(width: int, rows: list[tuple[int, ...]]) -> int | None:
    """Entries of one moment; None where places do not repeat at that distance."""
    moments = len(rows[0])
    part = width // moments
    repeats = all(place == row[0] + moment * part for row in rows for moment, place in enumerate(row))
    return part if part * moments == width and repeats else None


def _cepstra(
    folder: Path, parameters: dict[str, Any], pitch: Sequence[int], loudness: Sequence[int], width: int
) -> MelCepstra | None:
    """What `parameters` say of the spectrum; raises ModelError where it is not as `read_parameters` says."""
    entry = parameters.get("cepstra")
    if entry is None:
        return None
    try:
        voicing = tuple(int(place) for place in entry["voicing"])
        count, bands = int(entry["count"]), int(entry["bands"])
        found = MelCepstra(count, bands, float(entry["floor"]), voicing, float(entry["unvoiced"]))
    except (TypeError, KeyError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'}: `cepstra` lacks places or scales; export it again") from error
    places = [*pitch, *voicing, *(start + place for start in loudness for place in range(count))]
    fits = 0 < count <= bands and len(set(places)) == len(places) and set(places) <= set(range(width))
    if not fits or not 0.0 < found.floor < np.inf or not np.isfinite(found.unvoiced):
        raise ModelError(f"{folder / 'config.json'}: `cepstra` are not of vectors of {width}; export it again")
    return found


def _tables(model: bytes, cardinality: int) -> Iterator[Floats]:
    """Matrices of floats that have a row for each code."""
    for tensor in (tensor for graph in _messages(model, GRAPH) for tensor in _messages(graph, INITIALIZER)):
        fields = list(fields_of(tensor))
        dims = [value for number, value in fields if number == DIMS and isinstance(value, int)]
        values = dict(fields)
        raw = values.get(RAW_DATA)
        if values.get(DATA_TYPE) == FLOAT and len(dims) == 2 and dims[0] == cardinality and isinstance(raw, bytes):
            yield np.frombuffer(raw, "<f4").reshape(dims).astype(np.float32)


def _messages(data: bytes, wanted: int) -> list[bytes]:
    return [value for number, value in fields_of(data) if number == wanted and isinstance(value, bytes)]
