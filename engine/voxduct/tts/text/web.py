"""Addresses of the web and of mail, and file names, in words."""

from __future__ import annotations

import re

from voxduct.tts.text.acronyms import spell

KNOWN_ENDINGS = frozenset("com org net info edu gov io app dev biz".split())
SPELLED_ENDINGS = frozenset("io uk us de fr eu tv ai co".split()) - {"co"}
MARKS = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", ":": "colon", "@": "at", "?": "question mark",
    "=": "equals", "&": "and", "#": "hash", "%": "percent", "+": "plus", "~": "tilde",
}  # fmt: skip
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_MAIL = re.compile(rf"(?<![\w@])([\w.+-]+)@((?:{_LABEL}\.)+[A-Za-z]{{2,}})")
_URL = re.compile(
    rf"\b(?:https?://|ftp://|www\.)(?:[^\s<>\"'(),;]*[^\s<>\"'(),;.!?:])"
    rf"|(?<![\w.@])(?:{_LABEL}\.)+(?:com|org|net|edu|gov|io|dev|info|co\.uk|ai)\b(?:/[^\s<>\"'(),;]*[\w/])?"
)
_HANDLE = re.compile(r"(?<![\w@])@(?=[A-Za-z]\w+)")


def expand_web(text: str) -> str:
    """The text with e-mail addresses, web addresses and @handles in words."""
    text = _MAIL.sub(lambda match: f"{address_words(match[1])} at {address_words(match[2])}", text)
    text = _URL.sub(lambda match: address_words(re.sub(r"^(?:https?|ftp)://", "", match[0]).rstrip("/")), text)
    return _HANDLE.sub("at ", text)


def address_words(address: str) -> str:
    """`www.example.com/a-b` to "W W W dot example dot com slash a dash b"."""
    said = []
    for part in re.findall(r"[A-Za-z]+|\d+|.", address):
        if part in MARKS:
            said.append(MARKS[part])
        elif part.isdigit():
            said.append(part if len(part) <= 4 else " ".join(part))
        elif part.lower() == "www" or part.lower() in SPELLED_ENDINGS or len(part) == 1:
            said.append(spell(part))
        elif part.isalpha():
            said.append(part.lower())
    return " ".join(said)
