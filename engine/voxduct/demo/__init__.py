"""`voxduct demo`: the real server, a bundled recording as a live microphone, a spoken reply, one line of figures."""

from voxduct.demo.show import DemoOptions, run_demo

__all__ = ["DemoOptions", "run_demo"]
