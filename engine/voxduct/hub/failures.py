"""What goes wrong with a hub, said in Voxduct's errors: whose fault it is, and what to do."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from voxduct.errors import DiskFullError, ExtraError, HubError, UnknownModelError, VoxductError
from voxduct.hub.bytes import human

FULL = (errno.ENOSPC, errno.EDQUOT)


def load_library() -> ModuleType:
    """huggingface_hub; raises ExtraError when it is not installed."""
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise ExtraError("models on a hub need huggingface_hub: pip install 'voxduct[hub]'") from error


def disk_full(what: str, needed: int, folder: Path, free: int | None = None) -> DiskFullError:
    """The error for a disk on which `needed` bytes do not fit."""
    there = "" if free is None else f", {human(free)} are free"
    return DiskFullError(
        f"the disk is full: {what} needs {human(needed)} more in {folder}{there}; make room or set HF_HOME to a folder "
        "on another disk, then pull again: it goes on where it stopped"
    )


class Failures:
    """How one call to a hub tells a full disk."""

    def __init__(self, what: str) -> None:
        self.full: Callable[[], DiskFullError] = lambda: DiskFullError(f"the disk is full: {what} does not fit")

    def on_full(self, make: Callable[[], DiskFullError]) -> None:
        """What to raise when a write fails for want of room."""
        self.full = make


@contextmanager
def hub_failures(what: str, address: str) -> Iterator[Failures]:
    """Turns huggingface_hub's errors into ours; `what` was asked of the hub at `address`."""
    failures = Failures(what)
    try:
        yield failures
    except VoxductError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise failures.full() from error
        translated = _translated(error, what, address)
        if translated is None:
            raise
        raise translated from error


def _translated(error: Exception, what: str, address: str) -> VoxductError | None:
    errors = importlib.import_module("huggingface_hub.errors")
    match error:
        case errors.GatedRepoError():
            return HubError(f"{what} wants its terms accepted: do so on {address}, then log in with `hf auth login`")
        case errors.RepositoryNotFoundError():
            return UnknownModelError(
                f"{what} is not on {address}, and no folder here; check the name, or log in if it is private"
            )
        case errors.RevisionNotFoundError():
            return UnknownModelError(f"{what}: {address} has no such revision; leave it out to take main")
        case errors.LocalEntryNotFoundError() if not isinstance(error.__cause__, errors.EntryNotFoundError):
            return _not_come(error.__cause__ or error, what, address)
        case errors.EntryNotFoundError():
            return HubError(f"{what} is listed on {address} but missing there; choose another precision or revision")
        case errors.HFValidationError():
            return UnknownModelError(f"{what} is no name of a repository; write owner/name")
        case errors.HfHubHTTPError():
            return _not_come(error, what, address)
        case OSError() if error.errno is None:  # what is wrong on this machine has a number
            return _not_come(error, what, address)
        case _:
            return None


def _not_come(error: BaseException, what: str, address: str) -> HubError:
    return HubError(f"{what} did not come: {address} {_reason(error)}; pull again, what came so far is kept")


def _reason(error: BaseException) -> str:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    response = getattr(error, "response", None)
    if response is not None:
        return f"answered {response.status_code}"
    if kinds & {"Timeout", "TimeoutException"}:
        return "did not answer in time"
    if kinds & {"ChunkedEncodingError", "RemoteProtocolError"}:
        return "broke off"
    if kinds & {"ConnectionError", "ConnectError"}:
        return "cannot be reached"
    return f"failed ({str(error).strip().partition(chr(10))[0]})"
