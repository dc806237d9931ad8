"""What a web form or `curl -F` sends (multipart/form-data, RFC 7578), of a body that lies in memory. Sans-I/O."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message

from voxduct.errors import MessageError

MAX_BOUNDARY = 70  # characters, RFC 2046
MAX_PARTS = 32
BLANKS = b" \t"


def parse_form(content_type: str, body: bytes) -> Mapping[str, bytes]:
    """Field names to what was sent for them.

    Raises:
        MessageError: another type of body, one that is cut off or has no names, a field twice, too many fields.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary or len(boundary) > MAX_BOUNDARY:
        raise MessageError("send a form: multipart/form-data, as `curl -F name=... -F audio=@clip.wav` does")
    delimiter = f"\r\n--{boundary}".encode(errors="replace")
    _, *parts = (b"\r\n" + body).split(delimiter, MAX_PARTS + 1)
    if not parts or not parts[-1].startswith(b"--"):
        raise MessageError(f"the form is cut off, or has more than {MAX_PARTS} fields")
    fields: dict[str, bytes] = {}
    for part in parts[:-1]:
        name, content = _parse_part(part)
        if name in fields:
            raise MessageError(f"the form has two fields {name!r:.40}", param=name[:40])
        fields[name] = content
    return fields


def _parse_part(part: bytes) -> tuple[str, bytes]:
    opening, _, rest = part.partition(b"\r\n")
    head, found, content = (b"\r\n" + rest).partition(b"\r\n\r\n")
    if opening.strip(BLANKS) or not found:
        raise MessageError("the form is malformed: a part has no headers")
    header = Message()
    for line in head.decode(errors="replace").split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == "content-disposition":
            header["content-disposition"] = value.strip()
    name = header.get_param("name", header="content-disposition")
    if not isinstance(name, str) or not name:
        raise MessageError("the form is malformed: a part has no name")
    return name, content
