"""Captions: certain words are written once, uncertain ones can be taken back, utterances stay in order."""

from __future__ import annotations

import io
import json

import pytest

from voxduct import wire
from voxduct_client import Disconnected, Message, Reconnected, SpeechChunk
from voxduct_client.captions import JsonCaptions, OrderedCaptions, PlainCaptions, TerminalCaptions, width
from voxduct_client.reading_order import ReadingOrder


def words(text: str) -> list[wire.WireWord]:
    return [wire.WireWord(word=word, start=0, end=1, probability=1) for word in text.split()]


def started(utterance: int) -> wire.SpeechStartedMessage:
    return wire.SpeechStartedMessage(utterance=utterance, time=0)


def partial(utterance: int, text: str) -> wire.PartialMessage:
    return wire.PartialMessage(utterance=utterance, text=text, time=0)


def committed(utterance: int, text: str) -> wire.CommittedMessage:
    return wire.CommittedMessage(utterance=utterance, text=text, words=words(text))


def final(utterance: int, text: str) -> wire.FinalMessage:
    return wire.FinalMessage(
        utterance=utterance, text=text, start=0, end=1, words=words(text), confidence=1, language="en"
    )


def revised(utterance: int, text: str, version: int = 1) -> wire.RevisedMessage:
    return wire.RevisedMessage(
        utterance=utterance,
        version=version,
        text=text,
        start=0,
        end=1,
        words=words(text),
        confidence=1,
        language="en",
    )


AGAIN = Reconnected(offline_s=1, replayed_s=2, lost_s=0, abandoned=(0,), interrupted=())


def plain(*messages: Message) -> str:
    out = io.StringIO()
    captions = OrderedCaptions(PlainCaptions(out))
    for message in messages:
        captions.show(message)
    captions.finish()
    return out.getvalue()


def screen(text: str, columns: int) -> list[str]:
    """What a terminal shows after the text."""
    rows, row, column = [""], 0, 0
    position = 0
    while position < len(text):
        if text[position] == "\x1b":
            end = position + 2
            while not text[end].isalpha():
                end += 1
            match text[end]:
                case "K":
                    rows[row] = rows[row][:column]
                case "J":
                    rows[row:] = [rows[row][:column]]
                case "A":
                    row -= int(text[position + 2 : end])
                    assert row >= 0
                case "D":
                    column -= int(text[position + 2 : end])
            position = end
        elif text[position] == "\n":
            row, column = row + 1, 0
            rows += [""] * (row == len(rows))
        elif text[position] == "\r":
            column = 0
        else:
            rows[row] = rows[row][:column].ljust(column) + text[position] + rows[row][column + 1 :]
            column += 1
            assert column <= columns
        position += 1
    return rows


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "5")
    return io.StringIO()


def test_captions_plain_words_are_written_once() -> None:
    text = plain(started(0), partial(0, "hel"), committed(0, "hello"), committed(0, "big"), final(0, "hello big world"))
    assert text == "hello big world\n"


def test_captions_plain_empty_final_writes_nothing() -> None:
    assert plain(started(0), final(0, "")) == ""


def test_captions_later_utterance_waits_for_the_earlier_ones_final() -> None:
    messages: list[Message] = [
        started(0),
        committed(0, "one"),
        started(1),
        committed(1, "two"),
        final(1, "two a"),
        final(0, "one b"),
    ]
    assert plain(*messages, started(2), final(2, "three")) == "one b\ntwo a\nthree\n"


def test_captions_failed_utterance_holds_up_nobody() -> None:
    failed = wire.ErrorMessage(code="inference_failed", message="x", utterance=0)
    assert plain(started(0), started(1), final(1, "two"), failed) == "two\n"


def test_captions_abandoned_utterance_is_ended_by_the_reconnect() -> None:
    assert plain(started(0), committed(0, "half a"), AGAIN, started(1), final(1, "half a word")) == (
        "half a\nhalf a word\n"
    )


def test_captions_terminal_partial_is_dim_and_replaced(terminal: io.StringIO) -> None:
    captions = TerminalCaptions(terminal)
    captions.show(committed(0, "good"))
    captions.show(partial(0, "mourning all"))
    assert "\x1b[2m mourning all\x1b[0m" in terminal.getvalue()
    assert screen(terminal.getvalue(), 20) == ["good mourning all"]
    captions.show(partial(0, "morning"))
    assert screen(terminal.getvalue(), 20) == ["good morning"]
    captions.show(final(0, "good morning"))
    captions.finish()
    assert screen(terminal.getvalue(), 20) == ["good morning", ""]


def test_captions_terminal_long_lines_wrap_at_words(terminal: io.StringIO) -> None:
    captions = TerminalCaptions(terminal)
    captions.show(committed(0, "the quick brown fox"))
    captions.show(partial(0, "jumps over the lazy dog"))
    captions.show(committed(0, "jumps over"))
    captions.show(partial(0, "the lazy dog and then some more"))
    captions.show(final(0, "the quick brown fox jumps over the lazy dog"))
    assert screen(terminal.getvalue(), 20) == ["the quick brown fox", "jumps over the lazy", "dog", ""]


def test_captions_terminal_notes_stand_on_lines_of_their_own(terminal: io.StringIO) -> None:
    captions = TerminalCaptions(terminal)
    captions.show(committed(0, "half"))
    captions.show(Disconnected("lost", draining=False))
    captions.finish()
    assert screen(terminal.getvalue(), 80) == ["half", "[lost; reconnecting]", ""]


def test_captions_plain_revision_takes_nothing_back() -> None:
    assert plain(started(0), final(0, "too late"), revised(0, "to late"), started(1), final(1, "b")) == "too late\nb\n"


def test_captions_revision_waits_until_its_utterance_is_shown() -> None:
    shown: list[Message] = []
    order = ReadingOrder()
    later: list[Message] = [started(1), final(1, "two"), revised(1, "too")]
    for message in (started(0), *later):
        shown += order.feed(message)
    assert shown == [started(0)]
    assert order.feed(final(0, "one")) == [final(0, "one"), *later]
    assert order.feed(revised(0, "won")) == [revised(0, "won")]


def test_captions_terminal_revision_replaces_its_utterance_only(terminal: io.StringIO) -> None:
    captions = TerminalCaptions(terminal)
    captions.show(final(0, "their it is"))
    captions.show(final(1, "the quick brown fox jumps"))
    captions.show(committed(2, "over the lazy hog and"))
    captions.show(partial(2, "so fort"))
    before = ["their it is", "the quick brown fox", "jumps", "over the lazy hog", "and so fort"]
    assert screen(terminal.getvalue(), 20) == before
    captions.show(revised(1, "the thick frown"))
    assert screen(terminal.getvalue(), 20) == [before[0], "the thick frown", *before[3:]]
    captions.show(revised(1, "a newer one comes in two rows", version=3))
    captions.show(revised(1, "late", version=2))
    captions.show(committed(2, "on"))
    captions.show(final(2, "over the lazy hog and on"))
    captions.show(revised(2, "over the lazy dog and on"))
    captions.finish()
    rows = [before[0], "a newer one comes in", "two rows", "over the lazy dog", "and on", ""]
    assert screen(terminal.getvalue(), 20) == rows


def test_captions_terminal_revision_of_what_has_left_the_screen_is_not_shown(terminal: io.StringIO) -> None:
    captions = TerminalCaptions(terminal)  # 5 rows
    for number in range(6):
        captions.show(final(number, f"row {number}"))
    before = terminal.getvalue()
    captions.show(revised(1, "row one"))
    assert terminal.getvalue() == before
    captions.show(revised(2, "row two"))
    assert screen(terminal.getvalue(), 20) == ["row 0", "row 1", "row two", "row 3", "row 4", "row 5", ""]


def test_captions_terminal_revision_leaves_notes_alone(terminal: io.StringIO) -> None:
    captions = TerminalCaptions(terminal)
    captions.show(final(0, "one"))
    captions.show(Disconnected("lost", draining=False))
    captions.show(revised(0, "won"))
    assert screen(terminal.getvalue(), 80) == ["one", "[lost; reconnecting]", ""]


def test_captions_json_is_one_object_per_line_without_speech() -> None:
    out = io.StringIO()
    captions = JsonCaptions(out)
    for message in (final(1, "two"), SpeechChunk("say", 0, b"\0\0", 24_000), Disconnected("lost", True), AGAIN):
        captions.show(message)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["type"] for line in lines] == ["final", "disconnected", "reconnected"]
    assert lines[2]["abandoned"] == [0]


def test_captions_width_counts_columns() -> None:
    assert [width("abc"), width("\N{CJK UNIFIED IDEOGRAPH-6F22}"), width("e\N{COMBINING ACUTE ACCENT}")] == [3, 2, 1]
