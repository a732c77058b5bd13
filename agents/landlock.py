"""Keeps a program from connecting to abstract sockets of others: `landlock.py COMMAND…`.

Sockets without a path belong to the network, which agents share: the owner's session may listen
on such (X11, an older D-Bus). Landlock forbids just these, for the program and all that it starts.
Standard library only: the bridge loads this.
"""

from __future__ import annotations

import ctypes
import os
import sys

COMMAND = (os.path.realpath(sys.executable), "-I", "-S", "-E", os.path.abspath(__file__))
CREATE_RULESET, RESTRICT_SELF = 444, 446  # system calls, the same on every architecture
ABI_WITH_SCOPES = 6  # Linux 6.12
SCOPE_ABSTRACT_UNIX_SOCKET = 1
PR_SET_NO_NEW_PRIVS = 38


def works() -> bool:
    """Whether this kernel can do it."""
    if sys.platform != "linux":
        return False
    version_only = 1
    asked = ctypes.CDLL(None).syscall(CREATE_RULESET, None, ctypes.c_size_t(0), version_only)
    return bool(asked >= ABI_WITH_SCOPES)


def restrict() -> None:
    """This process and its children, for good. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    nothing_of_files_or_ports = (0, 0)
    ruleset = (ctypes.c_uint64 * 3)(*nothing_of_files_or_ports, SCOPE_ABSTRACT_UNIX_SOCKET)
    made = libc.syscall(CREATE_RULESET, ruleset, ctypes.c_size_t(ctypes.sizeof(ruleset)), 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if made < 0 or libc.syscall(RESTRICT_SELF, made, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"abstract sockets cannot be closed off: {os.strerror(number)}")
    os.close(made)


if __name__ == "__main__":
    restrict()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606
