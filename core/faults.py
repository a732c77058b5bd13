"""Named points at which a test can end the process as a power cut would.

`GOFER_FAULT=name` (or `name:3` for its third passing) arms one point. Unarmed, `fault` costs one
comparison. Every point is named `<step>.before` or `<step>.after`.
"""

from __future__ import annotations

import os
import signal

_name, _, _count = os.environ.get("GOFER_FAULT", "").partition(":")
_left = int(_count or 1)


def fault(name: str) -> None:
    """Die here, at once and without any clean-up, when this point is armed."""
    global _left
    if name != _name:
        return
    _left -= 1
    if _left <= 0:
        end()


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
