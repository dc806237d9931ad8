from __future__ import annotations

import contextlib

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxduct.errors import MessageError
from voxduct.server.form import MAX_PARTS, parse_form

BOUNDARY = "multipart/form-data; boundary=xyz"


def test_form_of_an_http_client_is_read_byte_for_byte() -> None:
    audio = bytes(range(256)) * 8 + b"\r\n--other\r\n\r\n--"
    request = httpx.Request(
        "POST", "http://h/", data={"name": "anna", "consent": "I agree, Grüße\r\nand so on"}, files={"audio": audio}
    )
    fields = parse_form(request.headers["content-type"], request.read())
    assert fields == {"name": b"anna", "consent": "I agree, Grüße\r\nand so on".encode(), "audio": audio}


def test_form_quoted_boundary_preamble_and_blanks_are_allowed() -> None:
    body = b"ignored\r\n--a b  \r\ncontent-disposition:form-data; name=x\r\nx-more: 1\r\n\r\n1\r\n--a b--\r\nignored"
    assert parse_form('multipart/form-data; boundary="a b"', body) == {"x": b"1"}


def test_form_empty_part_is_an_empty_field() -> None:
    body = b'--xyz\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n--xyz--'
    assert parse_form(BOUNDARY, body) == {"x": b""}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b""),
        ("application/json", b"{}"),
        ("multipart/form-data", b"--xyz--"),
        ("multipart/mixed; boundary=xyz", b"--xyz--"),
        (f"multipart/form-data; boundary={'x' * 71}", b""),
        (BOUNDARY, b""),
        (BOUNDARY, b"--xyz\r\nContent-Disposition: form-data; name=x\r\n\r\n1"),
        (BOUNDARY, b"--xyz\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--xyz"),
        (BOUNDARY, b"--xyz\r\n\r\nno name\r\n--xyz--"),
        (BOUNDARY, b"--xyz\r\nContent-Disposition: form-data; name=x\r\n--xyz--"),
        (BOUNDARY, b"--xyz1\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--xyz--"),
        (BOUNDARY, b"--xyz\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n" * 2 + b"--xyz--"),
        (BOUNDARY, b"--xyz\r\n" * (MAX_PARTS + 2) + b"--xyz--"),
    ],
)
def test_form_that_is_none_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(MessageError) as caught:
        parse_form(content_type, body)
    assert "\n" not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.binary(max_size=300))
def test_form_of_anything_is_read_or_refused(content_type: str, body: bytes) -> None:
    with contextlib.suppress(MessageError):
        parse_form(content_type, body)
    with contextlib.suppress(MessageError):
        parse_form(BOUNDARY, body.replace(b"\0", b"\r\n--xyz"))
