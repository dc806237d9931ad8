"""The page at `/`: a handful of files, from the wheel or from a checkout."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import voxduct

FILES = {
    "index.html": "text/html; charset=utf-8",
    "client.js": "text/javascript; charset=utf-8",
    "worklet.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
}
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "cache-control": "no-cache",
}


def page_folder() -> Path | None:
    """Where the page's files are; None when this installation has none."""
    package = Path(voxduct.__file__).parent
    candidates = (package / "_web", package.parents[1] / "clients" / "web")
    return next((folder for folder in candidates if (folder / "index.html").is_file()), None)


def page_routes() -> list[Route]:
    """One route per file; the files are read once."""
    folder = page_folder()
    if folder is None:
        return []
    return [
        Route("/" if name == "index.html" else f"/{name}", _file((folder / name).read_bytes(), media_type))
        for name, media_type in FILES.items()
    ]


def _file(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def respond(_: Request) -> Response:
        return Response(content, media_type=media_type, headers=HEADERS)

    return respond
