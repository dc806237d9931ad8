"""The protocol: messages round-trip, docs/protocol.md says what the code does, no input breaks the server side."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxduct import wire
from voxduct.audio import AudioFormat, Encoding
from voxduct.coded import CodecFormat, CodedSound
from voxduct.errors import ClientError, InferenceError, MessageError, VoiceError
from voxduct.events import (
    CommittedText,
    Event,
    Failed,
    FinalText,
    InputEnded,
    MarkerReached,
    PartialText,
    RevisedText,
    SpeechAudio,
    SpeechAudioEnded,
    SpeechAudioStarted,
    SpeechCodes,
    SpeechEnd,
    SpeechStarted,
    SpeechStopped,
    SpeechWord,
    SpeechWords,
    Word,
)

PAGE = (Path(__file__).parents[1] / "docs" / "protocol.md").read_text()


def vectors(kind: str) -> list[Any]:
    return [json.loads(block) for block in re.findall(rf"^```json {kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]


def concrete(base: type[wire.Message]) -> Iterator[type[wire.Message]]:
    """Message types with a tag of their own, found by reflection: a new one cannot be forgotten."""
    for kind in base.__subclasses__():
        if kind.__subclasses__():
            yield from concrete(kind)
        else:
            yield kind


MESSAGES = list(concrete(wire.Message))
CLIENT = set(get_args(wire.ClientMessage))
SERVER = set(get_args(wire.AnyServerMessage))
EVENTS: list[Event] = [
    SpeechStarted(1, 1600),
    SpeechStopped(1, 3200, 8000),
    PartialText(1, "so", 4800),
    CommittedText(1, (Word("well", 1600, 2400, 0.91239), Word("yes", 2400, 3200, 1.0))),
    FinalText(1, 1600, 3200, (Word("well", 1600, 2400, 0.9),), 0.87654321, "en"),
    RevisedText(1, 1, 1600, 3200, (Word("whale", 1600, 2400, 0.9),), 0.9, "en", 0.987654),
    MarkerReached("m", 16_000),
    SpeechAudioStarted("a", "ann", 24_000),
    SpeechCodes("a", 0, CodedSound(np.full((4, 2), 1023), 320)),
    SpeechWords("a", (SpeechWord("good", 480, 5_280), SpeechWord("day", 5_280, 9_000))),
    SpeechAudio("a", 0, np.zeros(240, np.float32)),
    SpeechAudioEnded("a", SpeechEnd.COMPLETED, 240),
    Failed("inference_failed", "it broke", utterance=1),
    InputEnded(16_000),
]


OWN = CodecFormat("voxduct-codec-16k", "0.1.0", 4, 1024, 320, 320)


def check_voice(name: str) -> None:
    if name not in ("ann", "bob"):
        raise VoiceError(f"no voice {name!r}", param="voice")


def new_wire(**changes: Any) -> wire.ServerWire:
    options: dict[str, Any] = {
        "check_voice": check_voice,
        "languages": ("de", "en"),
        "codecs": (OWN,),
        "max_message_bytes": 262_144,
        "max_text_chars": 20_000,
    }
    return wire.ServerWire(**(options | changes))


# --- messages


def test_messages_are_all_in_one_of_the_unions() -> None:
    assert set(MESSAGES) == CLIENT | SERVER


@pytest.mark.parametrize("kind", MESSAGES, ids=[kind.__name__ for kind in MESSAGES])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_message_round_trips(kind: type[wire.Message], data: st.DataObject) -> None:
    message = data.draw(messages(kind))
    decode = wire.decode_client if kind in CLIENT else wire.decode_server
    text = wire.encode(message)
    assert decode(text) == message
    assert json.loads(text)["type"] == kind.__struct_config__.tag


def messages(kind: type[wire.Message]) -> st.SearchStrategy[wire.Message]:
    """Any message of the kind, from its field types."""
    fields = {field.name: values(field.type) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)


def values(annotation: Any) -> st.SearchStrategy[Any]:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    known: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(0, 2**31),
        str: text,
        bool: st.booleans(),
        float: st.floats(0, 1e6),
        wire.Id: text,
        wire.Seed: st.integers(0, wire.MAX_SEED),
        type(None): st.none(),
        list[str]: st.lists(text, max_size=3),
    }
    if annotation in known:
        return known[annotation]
    if annotation == list[wire.WireCodecOffer]:
        number = st.integers(0, 2**31)
        offer = st.builds(
            wire.WireCodecOffer,
            **dict.fromkeys(("name", "version"), text),
            **dict.fromkeys(("books", "cardinality", "frame_samples", "delay_samples"), number),
        )
        return st.lists(offer, max_size=3)
    if annotation == list[wire.WireWord]:
        unit = st.floats(0, 1)
        word = st.builds(wire.WireWord, word=text, start=unit, end=unit, probability=unit)
        return st.lists(word, max_size=3)
    if annotation == list[wire.SpokenWireWord]:
        position = st.integers(0, 2**31)
        return st.lists(st.builds(wire.SpokenWireWord, word=text, start=position, end=position), max_size=3)
    return st.one_of(*(values(option) for option in get_args(annotation)))


def test_client_message_with_an_unknown_field_is_refused_and_a_server_one_is_not() -> None:
    with pytest.raises(MessageError, match="colour"):
        wire.decode_client('{"type": "stop", "colour": 1}')
    assert isinstance(wire.decode_server('{"type": "stopped", "seq": 3, "time": 1.0, "colour": 1}'), wire.Stopped)


# --- events


def test_events_of_every_kind_have_a_message() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))


def test_words_of_speech_are_told_to_whom_asked_and_while_it_is_sent() -> None:
    words = wire.outgoing(SpeechWords("a", (SpeechWord("good", 480, 5_280),)))
    started = wire.outgoing(SpeechAudioStarted("a", "ann", 24_000))
    asked, other = new_wire(), new_wire()
    asked.receive_text('{"type": "start", "speech_words": true}')
    other.receive_text('{"type": "start"}')
    assert asked.encode(words) is None  # its speech has not begun, or was cancelled
    for server in (asked, other):
        assert server.encode(started) is not None
    message = asked.encode(words)
    assert isinstance(message, str)
    assert wire.decode_server(message) == wire.SpeechWordsMessage(
        seq=1, id="a", words=[wire.SpokenWireWord(word="good", start=480, end=5_280)]
    )
    assert other.encode(words) is None
    ended = other.encode(wire.outgoing(SpeechAudioEnded("a", SpeechEnd.COMPLETED, 0)))
    assert isinstance(ended, str) and wire.decode_server(ended).seq == 1  # what was left out has no number


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_event_becomes_what_a_client_understands(event: Event) -> None:
    server = new_wire()
    server.receive_text('{"type": "start", "speech_encoding": "voxduct-codec-16k", "speech_words": true}')
    server.encode(wire.outgoing(SpeechAudioStarted("a", "ann", 24_000)))
    message = server.encode(wire.outgoing(event))
    if isinstance(event, SpeechCodes):
        assert message == b"\xc0\x02" + 10 * b"\xff"
    elif isinstance(event, SpeechAudio):
        assert message == b"\x00\x00" * 240
    else:
        assert isinstance(message, str)
        assert wire.decode_server(message).seq == 1


def test_event_positions_become_seconds() -> None:
    committed = wire.outgoing(EVENTS[3])
    assert isinstance(committed, wire.CommittedMessage)
    assert committed.text == "well yes"
    assert committed.words[0] == wire.WireWord(word="well", start=0.1, end=0.15, probability=0.9124)


def test_event_language_is_as_sure_as_it_was_found_out() -> None:
    revised = wire.outgoing(EVENTS[5])
    assert isinstance(revised, wire.RevisedMessage)
    assert (revised.version, revised.language, revised.language_probability) == (1, "en", 0.9877)
    unknown = wire.outgoing(FinalText(1, 0, 1600, (), 0.0, ""))
    assert isinstance(unknown, wire.FinalMessage)
    assert unknown.language_probability is None, "nothing was heard that tells the language"


def test_error_message_tells_whose_fault_it_is() -> None:
    message = wire.error_message(InferenceError("the model broke", param="audio"), id="a")
    assert (message.code, message.param, message.id, message.fatal) == ("inference_failed", "audio", "a", False)


# --- the page


@pytest.mark.parametrize("vector", vectors("client"), ids=lambda vector: str(vector["type"]))
def test_page_client_vector_is_understood(vector: dict[str, Any]) -> None:
    message = wire.decode_client(json.dumps(vector))
    assert vector.items() <= json.loads(wire.encode(message)).items()


@pytest.mark.parametrize("vector", vectors("server"), ids=lambda vector: str(vector["type"]))
def test_page_server_vector_is_what_is_sent(vector: dict[str, Any]) -> None:
    message = wire.decode_server(json.dumps(vector))
    assert json.loads(wire.encode(message)) == vector


@pytest.mark.parametrize("steps", vectors("conversation"))
def test_page_conversation_goes_as_written(steps: list[dict[str, Any]]) -> None:
    server = new_wire()
    for step in steps:
        code = None
        try:
            if "audio" in step:
                server.receive_audio(bytes(step["audio"]))
            else:
                server.receive_text(json.dumps(step["client"]))
        except ClientError as error:
            code = error.code
        assert (code, server.state) == (step.get("error"), step["state"]), step


def test_page_shows_every_message() -> None:
    shown = {("client", vector["type"]) for vector in vectors("client")}
    shown |= {("server", vector["type"]) for vector in vectors("server")}
    known = {("client" if kind in CLIENT else "server", kind.__struct_config__.tag) for kind in MESSAGES}
    assert shown == known
    for kind in MESSAGES:
        for field in msgspec.structs.fields(kind):
            assert f"`{field.name}`" in PAGE or f'"{field.name}"' in PAGE


def test_page_lists_every_close_code() -> None:
    assert {int(code) for code in re.findall(r"^\| (1\d{3}) \|", PAGE, re.MULTILINE)} == set(wire.CloseCode)


# --- the server's side


def test_server_wire_numbers_what_it_says_without_gaps() -> None:
    server = new_wire()
    server.receive_text('{"type": "start", "partials": false, "speech_encoding": "voxduct-codec-16k"}')
    said = [server.encode(wire.outgoing(event)) for event in EVENTS]
    numbers = [wire.decode_server(message).seq for message in said if isinstance(message, str)]
    assert numbers == list(range(len(numbers)))
    assert said[2] is None, "partials were not wanted"


def test_server_wire_start_passes_on_each_allowed_language_once() -> None:
    command = new_wire().receive_text('{"type": "start", "languages": ["en", "de", "en"], "revisions": true}')
    assert isinstance(command, wire.OpenSession)
    assert (command.languages, command.revisions) == (("en", "de"), True)


def test_server_wire_start_names_codecs_by_direction() -> None:
    heard = new_wire().receive_text('{"type": "start", "encoding": "voxduct-codec-16k"}')
    assert isinstance(heard, wire.OpenSession)
    assert (heard.audio_codec, heard.speech_codec) == ("voxduct-codec-16k", None)
    assert heard.audio_format == AudioFormat(16_000, Encoding.F32LE), "what the codec makes of packets"
    spoken = new_wire().receive_text('{"type": "start", "sample_rate": 8000, "speech_encoding": "voxduct-codec-16k"}')
    assert isinstance(spoken, wire.OpenSession)
    assert (spoken.audio_codec, spoken.speech_codec) == (None, "voxduct-codec-16k")
    with pytest.raises(ClientError, match="'lyra-6' is not one of s16le, f32le, voxduct-codec-16k") as caught:
        new_wire().receive_text('{"type": "start", "encoding": "lyra-6"}')
    assert (caught.value.code, caught.value.param) == ("bad_audio", "encoding")


def test_server_wire_counts_the_speech_that_was_sent() -> None:
    server = new_wire()
    assert server.encode(SpeechAudio("a", 0, np.zeros(10, np.float32))) is None, "not begun"
    server.encode(wire.outgoing(SpeechAudioStarted("a", "ann", 24_000)))
    server.encode(SpeechAudio("a", 0, np.zeros(10, np.float32)))
    ended = server.encode(wire.outgoing(SpeechAudioEnded("a", SpeechEnd.CANCELLED, 5000)))
    assert isinstance(ended, str)
    message = wire.decode_server(ended)
    assert isinstance(message, wire.SpeechAudioEndMessage)
    assert message.samples == 10
    assert server.encode(SpeechAudio("a", 10, np.zeros(10, np.float32))) is None, "ended"


@pytest.mark.parametrize("last", [wire.Stopped(time=1.0), wire.ErrorMessage(code="x", message="y", fatal=True)])
def test_server_wire_says_nothing_after_its_last_word(last: wire.ServerMessage) -> None:
    server = new_wire()
    assert server.encode(last) is not None
    assert server.state is wire.WireState.CLOSED
    assert server.encode(wire.outgoing(EVENTS[0])) is None
    assert server.receive_text('{"type": "cancel"}') is None
    assert server.receive_audio(b"") is None


def test_server_wire_hears_only_cancel_when_draining() -> None:
    server = new_wire()
    server.receive_text('{"type": "start"}')
    server.drain()
    assert server.receive_audio(b"\x00\x00") is None
    assert server.receive_text('{"type": "say", "text": "hello"}') is None
    assert server.receive_text('{"type": "cancel"}') == wire.Cancel()
    assert server.state is wire.WireState.DRAINING


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NEAR_MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from(["start", "marker", "say", "cancel", "stop", "ready", ""])},
    optional=dict.fromkeys(
        "id text voice seed final sample_rate encoding speech_encoding version languages".split(), JSON
    ),
).map(json.dumps)
GOOD_MESSAGES = st.one_of(*(messages(kind) for kind in sorted(CLIENT, key=str))).map(wire.encode)
INPUTS = st.one_of(
    st.text(max_size=40), JSON.map(json.dumps), NEAR_MESSAGES, GOOD_MESSAGES, st.binary(max_size=40), st.just("drain")
)
ALLOWED = {
    "waiting_start": {"waiting_start", "open", "draining"},
    "open": {"open", "stopping", "draining"},
    "stopping": {"stopping", "draining"},
    "draining": {"draining"},
}


@settings(deadline=None)
@given(st.lists(INPUTS, max_size=20))
def test_server_wire_answers_any_input_with_a_command_or_a_typed_error(inputs: list[str | bytes]) -> None:
    server = new_wire()
    for data in inputs:
        before = server.state
        try:
            if data == "drain":
                server.drain()
                continue
            command = server.receive_text(data) if isinstance(data, str) else server.receive_audio(data)
        except ClientError as error:
            assert server.state is before, "an error changes nothing"
            assert_tellable(error)
        else:
            assert before is not wire.WireState.WAITING_START or isinstance(command, wire.OpenSession)
        assert server.state in ALLOWED[before]


def assert_tellable(error: ClientError) -> None:
    assert error.code
    assert "\n" not in error.message
    assert wire.decode_server(wire.encode(wire.error_message(error)))
