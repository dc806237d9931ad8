"""One conversation, sans-I/O: audio and text in, events and jobs out."""

from voxduct.session.session import Engine, Session, SessionOptions, run_to_rest

__all__ = ["Engine", "Session", "SessionOptions", "run_to_rest"]
