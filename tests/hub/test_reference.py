from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxduct.errors import UnknownModelError
from voxduct.hub.reference import HubModel, Reference, is_repo_id, parse_reference

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,30}", fullmatch=True)
REVISIONS = st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True)
PRECISIONS = st.none() | st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)


@given(NAMES, REVISIONS, PRECISIONS)
def test_reference_printed_is_read_back(name: str, revision: str | None, precision: str | None) -> None:
    reference = Reference(name, revision, precision)
    assert parse_reference(str(reference)) == reference


@given(st.text())
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        reference = parse_reference(text)
    except UnknownModelError:
        return
    assert str(reference) == text


@pytest.mark.parametrize("text", ["", " a", "@main", ":int8", "a:", "a@", "a@-x", "a@b c", "a@..", "a:INT8", "a:b:c"])
def test_reference_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UnknownModelError):
        parse_reference(text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("owner/name", True), ("o/n.en_x", True), ("name", False), ("a/b/c", False), ("/a", False), ("./a", False),
     ("a/..", False), ("~/a", False), ("a/b--c", False)],
)  # fmt: skip
def test_repository_is_owner_and_name(name: str, expected: bool) -> None:
    assert is_repo_id(name) is expected


def test_model_on_a_hub_is_written_as_it_is_read() -> None:
    assert str(HubModel("a/b", "v1", "int8")) == "a/b@v1:int8"
    assert str(HubModel("a/b")) == "a/b"
