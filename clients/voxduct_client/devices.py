"""Sound devices through sounddevice, which is imported only when one is used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from voxduct_client.errors import DeviceError


@dataclass(frozen=True, slots=True)
class Device:
    """A microphone."""

    index: int
    name: str
    channels: int
    sample_rate: int
    """Hertz, its native rate."""
    default: bool


def sounddevice() -> Any:
    """The module `sounddevice`.

    Raises:
        DeviceError: it is not installed, or PortAudio is not.
    """
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        raise DeviceError("sound devices need a package: pip install 'voxduct[mic]'") from error
    except OSError as error:
        raise DeviceError(
            "sound devices need PortAudio: apt install libportaudio2 (or: brew install portaudio)"
        ) from error


def microphones() -> list[Device]:
    """All input devices."""
    module = sounddevice()
    default = module.default.device[0]
    return [
        Device(
            index=index,
            name=str(entry["name"]),
            channels=int(entry["max_input_channels"]),
            sample_rate=round(entry["default_samplerate"]),
            default=index == default,
        )
        for index, entry in enumerate(module.query_devices())
        if entry["max_input_channels"] > 0
    ]


def find_microphone(wanted: str | None) -> Device:
    """The microphone of that index, or whose name contains `wanted`; without it the default one.

    Raises:
        DeviceError: none, or more than one.
    """
    devices = microphones()
    if wanted is None:
        matches = [device for device in devices if device.default] or devices[:1]
    elif wanted.isdecimal():
        matches = [device for device in devices if device.index == int(wanted)]
    else:
        matches = [device for device in devices if wanted.casefold() in device.name.casefold()]
        matches = [device for device in matches if device.name.casefold() == wanted.casefold()] or matches
    if not matches:
        what = "there is no microphone" if wanted is None else f"no microphone matches {wanted!r}"
        raise DeviceError(f"{what}; see: voxduct-client mic --list-devices", param="device")
    if len(matches) > 1:
        names = ", ".join(f"{device.index}: {device.name}" for device in matches)
        raise DeviceError(f"{wanted!r} matches several microphones ({names}); give the number", param="device")
    return matches[0]
