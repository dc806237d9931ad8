"""A hub on loopback: the endpoints that huggingface_hub uses, and the faults that tests need.

Large files are answered as hubs do: `resolve` redirects to a store, which serves ranges.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = 100  # bytes from which a file is stored apart, with its SHA-256 as its name


@dataclass
class Repository:
    """Files of one repository, and what is wrong with it."""

    files: dict[str, bytes]
    commit: str = "c" * 40
    license: str = "mit"
    gated: bool = False
    cuts: dict[str, list[int]] = field(default_factory=dict)
    """By file: after how many bytes each of the next answers breaks off."""
    wrong: dict[str, bytes] = field(default_factory=dict)
    """By file: what is sent instead."""
    gone: set[str] = field(default_factory=set)
    """Listed, but missing."""
    gate: threading.Event | None = None
    """Downloads of large files wait for it ..."""
    reached: threading.Event = field(default_factory=threading.Event)
    """... and set this before."""


@dataclass
class Request:
    """What was asked."""

    method: str
    path: str
    range: str | None


@dataclass
class Hub:
    """Repositories by `owner/name`, and the requests so far."""

    repositories: dict[str, Repository]
    address: str = ""
    requests: list[Request] = field(default_factory=list)

    def downloads(self, name: str) -> list[str | None]:
        """The ranges in which a large file was asked for, in order."""
        digests = {sha256(repo.files[name]) for repo in self.repositories.values() if name in repo.files}
        asked = [one for one in self.requests if one.method == "GET" and one.path.startswith("/store/")]
        return [one.range for one in asked if one.path.rsplit("/", 1)[1] in digests]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextmanager
def serving(repositories: dict[str, Repository]) -> Iterator[Hub]:
    """Serves until the block ends."""
    hub = Hub(repositories)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="hub")
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """One request; HTTP/1.0, so that a cut is the connection's end."""

    hub: Hub

    def do_HEAD(self) -> None:
        self._route(with_body=False)

    def do_GET(self) -> None:
        self._route(with_body=True)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _route(self, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(Request(self.command, path, self.headers.get("Range")))
        match path.strip("/").split("/"):
            case ["api", "models", owner, name, *rest]:
                self._info(f"{owner}/{name}", rest)
            case ["store", owner, name, digest]:
                self._stored(f"{owner}/{name}", digest, with_body)
            case [owner, name, "resolve", revision, *parts]:
                self._resolve(f"{owner}/{name}", revision, "/".join(parts), with_body)
            case _:
                self._refuse("EntryNotFound")

    def _info(self, repo_id: str, rest: list[str]) -> None:
        repo = self.hub.repositories.get(repo_id)
        if repo is None:
            return self._refuse("RepoNotFound")
        if repo.gated:
            return self._refuse("GatedRepo", 403)
        if rest and rest[-1] not in ("main", repo.commit):
            return self._refuse("RevisionNotFound")
        siblings = [sibling(name, content) for name, content in repo.files.items()]
        document: dict[str, object] = {"id": repo_id, "modelId": repo_id, "sha": repo.commit, "siblings": siblings}
        document |= {"private": False, "downloads": 0, "likes": 0, "tags": [], "cardData": {"license": repo.license}}
        self._answer(200, json.dumps(document).encode(), {"Content-Type": "application/json"})
        return None

    def _resolve(self, repo_id: str, revision: str, name: str, with_body: bool) -> None:
        repo = self.hub.repositories.get(repo_id)
        if repo is None:
            return self._refuse("RepoNotFound")
        if name not in repo.files or name in repo.gone:
            return self._refuse("EntryNotFound")
        content = repo.files[name]
        headers = {"X-Repo-Commit": repo.commit, "ETag": f'"{git_blob(content)}"'}
        if len(content) < LARGE:
            return self._send(repo, name, headers, with_body)
        digest = sha256(content)
        headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))}
        headers |= {"X-Xet-Hash": digest, "X-Xet-Refresh-Route": f"{self.hub.address}/xet"}  # offered, and not there
        headers["Location"] = f"{self.hub.address}/store/{repo_id}/{digest}"
        return self._answer(302, b"", headers)

    def _stored(self, repo_id: str, digest: str, with_body: bool) -> None:
        repo = self.hub.repositories[repo_id]
        name = next(name for name, content in repo.files.items() if sha256(content) == digest)
        if repo.gate is not None and with_body:
            repo.reached.set()
            repo.gate.wait()
        self._send(repo, name, {"ETag": f'"{digest}"'}, with_body)

    def _send(self, repo: Repository, name: str, headers: dict[str, str], with_body: bool) -> None:
        content = repo.wrong.get(name, repo.files[name])
        start, status = 0, 200
        if (asked := self.headers.get("Range")) is not None:
            start, status = int(asked.removeprefix("bytes=").split("-")[0]), 206
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if start >= len(content) > 0:
            return self._answer(416, b"", headers)
        cut = repo.cuts[name].pop(0) if with_body and repo.cuts.get(name) else None
        body = content[start:]
        return self._answer(status, body[:cut] if with_body else b"", headers, len(body))

    def _refuse(self, code: str, status: int = 404) -> None:
        self._answer(status, b"", {"X-Error-Code": code})

    def _answer(self, status: int, body: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


def sibling(name: str, content: bytes) -> dict[str, object]:
    """What a repository's listing says of a file."""
    entry: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": git_blob(content)}
    if len(content) >= LARGE:
        entry["lfs"] = {"sha256": sha256(content), "size": len(content), "pointerSize": 130}
    return entry
