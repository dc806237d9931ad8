"""Captions as they come: redrawn in place on a terminal, line by line anywhere else."""

from __future__ import annotations

from typing import TextIO

from voxduct import wire

BOLD, DIM, PLAIN, CLEAR = "\x1b[1m", "\x1b[2m", "\x1b[0m", "\r\x1b[K"
NARROW = 20  # columns below which nothing sensible can be drawn


class Captions:
    """Shows messages of one session on `out`; `width` is the terminal's, or None when it is none."""

    def __init__(self, out: TextIO, width: int | None) -> None:
        self._out = out
        self._width = max(width, NARROW) - 10 if width is not None else None
        self._committed = ""

    def show(self, now: float, message: wire.ServerMessage) -> None:
        """One message; `now` is seconds since the recording began."""
        match message:
            case wire.PartialMessage() if self._width is not None:
                self._draw(now, message.text)
            case wire.CommittedMessage():
                self._committed = f"{self._committed} {message.text}".strip()
                if self._width is not None:
                    self._draw(now, "")
                else:
                    self._line(f"{now:6.1f} s  + {message.text}")
            case wire.FinalMessage():
                self._committed = ""
                if message.text:
                    self._line(f"{now:6.1f} s  = {message.text}")
            case _:
                pass

    def _draw(self, now: float, partial: str) -> None:
        room = self._width or NARROW
        committed = self._committed[-room:]
        partial = partial[: max(0, room - len(committed) - 1)]
        self._out.write(f"{CLEAR}{now:6.1f} s  {BOLD}{committed}{PLAIN} {DIM}{partial}{PLAIN}")
        self._out.flush()

    def _line(self, text: str) -> None:
        self._out.write((CLEAR if self._width is not None else "") + text + "\n")
        self._out.flush()
