"""What a folder's `config.json` says of a codec, in the words of each family.

`codec.json`, where there is one, goes before it:

    {"family": "wavtokenizer", "sampling_rate": 24000, "frame_size": 320, "cardinality": 4096, "rates": [1],
     "delay_samples": 0, "encoder": "encoder_model", "decoder": "model"}

Each key may be left out where `config.json` says the same in its own words. `encoder` and `decoder` are the graphs'
names without precision and `.onnx`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from voxduct.errors import ModelError

CONFIG, PREPROCESSOR, OWN = "config.json", "preprocessor_config.json", "codec.json"
ENCODER, DECODER = "encoder_model", "decoder_model"
_NEEDED = {"sampling_rate", "frame_size", "cardinality"}
_STEM = re.compile(r"\w[\w.-]*")
Config = Mapping[str, Any]


class Family(StrEnum):
    """Architectures whose `config.json` is understood."""

    ENCODEC = "encodec"
    DAC = "dac"
    MIMI = "mimi"
    SNAC = "snac"
    WAVTOKENIZER = "wavtokenizer"


@dataclass(frozen=True, slots=True)
class CodecFacts:
    """What the configuration says; what only the graphs can say is not here."""

    family: Family
    sample_rate: int
    frame_size: int
    cardinality: int
    rates: tuple[int, ...] | None
    """Codes that each book has in one frame; None: one each, of as many books as the graphs have."""
    delay_samples: int
    encoder: str
    decoder: str


def read_facts(folder: Path) -> CodecFacts:
    """Reads `config.json`, `preprocessor_config.json` and `codec.json`, as far as they are there.

    Raises:
        ModelError: a file is no JSON object, the family is none of those known, or something is missing or impossible.
    """
    config, own = _read(folder / CONFIG), _read(folder / OWN)
    if not config and not own:
        raise ModelError(f"{folder} has neither {CONFIG} nor {OWN}; give the folder of a codec (see docs/codecs.md)")
    family = _family(folder, config, own)
    known = {"sampling_rate": _read(folder / PREPROCESSOR).get("sampling_rate"), **config}
    try:
        return _facts(family, {**_translated(family, known, own), **own})
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{folder} does not say what its codec is ({_what(error)}); write it into {OWN} (see docs/codecs.md)"
        ) from error


def _translated(family: Family, config: Config, own: Config) -> Config:
    """What `config.json` says, in our words; nothing where it lacks something and `codec.json` says all by itself."""
    try:
        return _READERS[family](config)
    except KeyError:
        if own.keys() >= _NEEDED:
            return {}
        raise


def _facts(family: Family, found: Config) -> CodecFacts:
    rates = found.get("rates")
    return CodecFacts(
        family,
        _count(found, "sampling_rate"),
        _count(found, "frame_size"),
        _count(found, "cardinality", least=2),
        None if rates is None else _counts(rates),
        _count(found, "delay_samples", least=0) if "delay_samples" in found else 0,
        _stem(found.get("encoder", ENCODER)),
        _stem(found.get("decoder", DECODER)),
    )


def _read(path: Path) -> Config:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}; fetch it again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no JSON object; fetch it again")
    return content


def _family(folder: Path, config: Config, own: Config) -> Family:
    name = own.get("family", config.get("model_type"))
    if name is None and "vq_strides" in config:  # SNAC's own config.json has no model_type
        return Family.SNAC
    try:
        return Family(name)
    except ValueError as error:
        known = ", ".join(Family)
        raise ModelError(
            f"{folder} holds a model of type {name!r}, which is no codec that is known ({known}); if it is one, write "
            f'{{"family": ...}} into {OWN} (see docs/codecs.md)'
        ) from error


def _count(found: Config, name: str, least: int = 1) -> int:
    value = found[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is {value!r}")
    return value


def _counts(rates: object) -> tuple[int, ...]:
    if not isinstance(rates, list) or not rates:
        raise ValueError(f"rates are {rates!r}")
    return tuple(_count({"rates": rate}, "rates") for rate in rates)


def _stem(name: object) -> str:
    if not isinstance(name, str) or not _STEM.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a graph")
    return name.removesuffix(".onnx")


def _what(error: Exception) -> str:
    return f"no {error.args[0]}" if isinstance(error, KeyError) else str(error)


def _plain(config: Config, frame_size: int) -> dict[str, Any]:
    """What most families call by the same names."""
    return {
        "sampling_rate": config["sampling_rate"],
        "frame_size": frame_size,
        **({"cardinality": config["codebook_size"]} if "codebook_size" in config else {}),
    }


def _encodec(config: Config) -> dict[str, Any]:
    return _plain(config, math.prod(config["upsampling_ratios"]))


def _dac(config: Config) -> dict[str, Any]:
    """Not by `hop_length`, which in published files is the default and not the model's."""
    return _plain(config, math.prod(config["downsampling_ratios"]))


def _mimi(config: Config) -> dict[str, Any]:
    """Half as many frames as the convolutions make, unless it says another rate."""
    rate = config.get("frame_rate") or config.get("_frame_rate")
    if rate is None:
        return _plain(config, 2 * math.prod(config["upsampling_ratios"]))
    frame_size = config["sampling_rate"] / rate
    if frame_size != round(frame_size):
        raise ValueError(f"frame_rate {rate} is no whole number of samples")
    return _plain(config, round(frame_size))


def _snac(config: Config) -> dict[str, Any]:
    """A frame is one code of the slowest book."""
    strides = config["vq_strides"]
    longest = max(strides)
    if any(longest % stride for stride in strides):
        raise ValueError(f"vq_strides are {strides}")
    frame_size = longest * math.prod(config["encoder_rates"])
    return {**_plain(config, frame_size), "rates": [longest // stride for stride in strides]}


def _wavtokenizer(config: Config) -> dict[str, Any]:
    """No published `config.json` says more than a type; `codec.json` has to."""
    names = {"sampling_rate": "sampling_rate", "hop_length": "frame_size", "codebook_size": "cardinality"}
    return {ours: config[theirs] for theirs, ours in names.items() if config.get(theirs) is not None}


_READERS: Mapping[Family, Callable[[Config], dict[str, Any]]] = {
    Family.ENCODEC: _encodec,
    Family.DAC: _dac,
    Family.MIMI: _mimi,
    Family.SNAC: _snac,
    Family.WAVTOKENIZER: _wavtokenizer,
}
