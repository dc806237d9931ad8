"""Captions as they come: on a terminal, in a pipe, or as JSON lines."""

from __future__ import annotations

import dataclasses
import shutil
import unicodedata
from collections import deque
from typing import Protocol, TextIO

import msgspec

from voxduct import wire
from voxduct_client.client_wire import SpeechChunk
from voxduct_client.continuity import Disconnected, Message, Reconnected
from voxduct_client.reading_order import ReadingOrder

DIM, PLAIN, CLEAR_REST, CLEAR_BELOW = "\x1b[2m", "\x1b[0m", "\x1b[K", "\x1b[J"
MIN_COLUMNS = 20
MAX_REVISABLE = 256  # utterances; more than a screen holds


class CaptionWriter(Protocol):
    """Shows messages; call `show` for each in order, and `finish` at the end."""

    def show(self, message: Message) -> None:
        """One message."""

    def finish(self) -> None:
        """No more messages."""


class JsonCaptions:
    """One JSON object per message and line, `reconnected` and `disconnected` among them; speech is left out."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, message: Message) -> None:
        """Writes one line."""
        match message:
            case SpeechChunk():
                return
            case Disconnected() | Reconnected():
                fields = {"type": type(message).__name__.lower(), **dataclasses.asdict(message)}
                line = msgspec.json.encode(fields).decode()
            case _:
                line = wire.encode(message)
        print(line, file=self._out, flush=True)

    def finish(self) -> None:
        """Nothing is open."""


class PlainCaptions:
    """One line an utterance; its words are written when they are committed, never taken back, so not revised either."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._utterance: int | None = None
        self._words = 0

    def show(self, message: Message) -> None:
        """Writes what became certain."""
        match message:
            case wire.CommittedMessage():
                self._begin(message.utterance)
                self._add([word.word for word in message.words] or message.text.split())
            case wire.FinalMessage():
                self._begin(message.utterance)
                self._add(_final_words(message)[self._words :])
                self._end()
            case Reconnected():
                self._end()
            case _:
                pass

    def finish(self) -> None:
        """Ends an open line."""
        self._end()

    def _begin(self, utterance: int) -> None:
        if self._utterance != utterance:
            self._end()
            self._utterance = utterance

    def _add(self, words: list[str]) -> None:
        for word in words:
            self._out.write(word if self._words == 0 else f" {word}")
            self._words += 1
        self._out.flush()

    def _end(self) -> None:
        if self._words:
            self._out.write("\n")
            self._out.flush()
        self._utterance, self._words = None, 0


@dataclasses.dataclass(slots=True)
class _Paragraph:
    """An utterance as it is written."""

    utterance: int | None
    words: list[str]
    rows: int = 1
    version: int = 0


class TerminalCaptions:
    """Committed words solid, what may still change dim behind them.

    Only the dim part is ever rewritten, and an utterance that is revised while it is still on the screen.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._utterance: int | None = None
        self._written: deque[_Paragraph] = deque(maxlen=MAX_REVISABLE)
        self._line = _Paragraph(None, [])
        self._column = 0
        self._partial = ""

    def show(self, message: Message) -> None:
        """Brings the line up to date."""
        match message:
            case wire.CommittedMessage():
                self._begin(message.utterance)
                self._add([word.word for word in message.words] or message.text.split())
            case wire.PartialMessage():
                self._begin(message.utterance)
                self._hint(message.text)
            case wire.FinalMessage():
                self._begin(message.utterance)
                self._add(_final_words(message)[len(self._line.words) :])
                self._end()
            case wire.RevisedMessage():
                self._revise(message)
            case wire.ErrorMessage():
                self._note(message.message)
            case Disconnected():
                self._note(f"{message.reason}; reconnecting")
            case Reconnected():
                self._note(f"reconnected; {message.replayed_s:.1f} s are heard again")
            case _:
                pass
        self._out.flush()

    def finish(self) -> None:
        """Ends an open line."""
        self._end()
        self._out.flush()

    def _begin(self, utterance: int) -> None:
        if self._utterance != utterance:
            self._end()
            self._utterance = utterance
            self._line = _Paragraph(utterance, [])

    def _add(self, words: list[str]) -> None:
        self._partial = ""
        self._out.write(CLEAR_REST)
        columns = _columns()
        for word in words:
            gap = 1 if self._column else 0
            if self._column + gap + width(word) > columns and self._column:
                self._out.write("\n")
                self._line.rows += 1
                self._column = gap = 0
            self._out.write(" " * gap + word)
            self._column += gap + width(word)
            self._line.words.append(word)

    def _hint(self, text: str) -> None:
        self._partial = text
        gap = 1 if self._column else 0
        shown = _cut(" ".join(text.split()), _columns() - self._column - gap - 1)
        self._out.write(CLEAR_REST)
        if shown:
            self._out.write(f"{DIM}{' ' * gap}{shown}{PLAIN}\x1b[{gap + width(shown)}D")

    def _note(self, text: str) -> None:
        self._end()
        self._out.write(f"{CLEAR_REST}{DIM}[{text}]{PLAIN}\n")
        self._written.clear()  # a note may be longer than a line, so what is above it is out of reach

    def _end(self) -> None:
        self._out.write(CLEAR_REST)
        if self._column:
            self._out.write("\n")
            self._written.append(self._line)
        self._utterance, self._line, self._column, self._partial = None, _Paragraph(None, []), 0, ""

    def _revise(self, message: wire.RevisedMessage) -> None:
        """Writes everything from that utterance on anew, unless it has left the screen."""
        old = next((written for written in self._written if written.utterance == message.utterance), None)
        if old is None or old.version >= message.version:
            return
        below = list(self._written)[self._written.index(old) + 1 :]
        up = sum(written.rows for written in (old, *below)) + self._line.rows - 1
        if up >= shutil.get_terminal_size().lines:
            return
        line, utterance, partial = self._line, self._utterance, self._partial
        self._out.write(f"\r\x1b[{up}A{CLEAR_BELOW}")
        for _ in (old, *below):
            self._written.pop()
        revised = _Paragraph(old.utterance, message.text.split(), version=message.version)
        for paragraph in (revised, *below, line):
            self._column, self._utterance = 0, paragraph.utterance
            self._line = _Paragraph(paragraph.utterance, [], version=paragraph.version)
            self._add(paragraph.words)
            if paragraph is not line:
                self._end()
        self._utterance = utterance
        if partial:
            self._hint(partial)


class OrderedCaptions:
    """Another writer's captions, one utterance after the other."""

    def __init__(self, writer: CaptionWriter) -> None:
        self._writer = writer
        self._order = ReadingOrder()

    def show(self, message: Message) -> None:
        """Shows what is due."""
        for due in self._order.feed(message):
            self._writer.show(due)

    def finish(self) -> None:
        """Shows what was held back."""
        for due in self._order.flush():
            self._writer.show(due)
        self._writer.finish()


def choose_captions(out: TextIO, *, json: bool) -> CaptionWriter:
    """What suits the output."""
    if json:
        return JsonCaptions(out)
    return OrderedCaptions(TerminalCaptions(out) if out.isatty() else PlainCaptions(out))


def width(text: str) -> int:
    """Columns a terminal needs for the text."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _cut(text: str, columns: int) -> str:
    """The end of the text that fits: the newest words matter most."""
    while text and width(text) > columns:
        text = text[1:]
    return text


def _columns() -> int:
    return max(MIN_COLUMNS, shutil.get_terminal_size().columns)


def _final_words(message: wire.FinalMessage) -> list[str]:
    return [word.word for word in message.words] or message.text.split()
