"""Errors as HTTP answers."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from voxduct.errors import ClientError, VoxductError
from voxduct.server.access import Refusal

STATUS = {  # of codes that are not simply the caller's fault, or ours
    "unknown_voice": 404,
    "shipped_voice": 409,
    "voice_exists": 409,
    "limit_exceeded": 409,
    "too_slow": 408,
    "body_too_big": 413,
    "no_voice": 501,
}


def refusal_response(refusal: Refusal) -> Response:
    """The answer to somebody who is not let in."""
    headers = {}
    if refusal.retry_after_s is not None:
        headers["retry-after"] = str(refusal.retry_after_s)
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse(_body(refusal.code, refusal.message), status_code=refusal.status, headers=headers)


def error_response(error: VoxductError) -> Response:
    """The answer to a request that failed: 4xx where the caller can do something about it."""
    status = STATUS.get(error.code, 400 if isinstance(error, ClientError) else 500)
    return JSONResponse(_body(error.code, error.message, error.param), status_code=status)


def _body(code: str, message: str, param: str | None = None) -> dict[str, object]:
    error = {"code": code, "message": message}
    return {"error": error if param is None else {**error, "param": param}}
