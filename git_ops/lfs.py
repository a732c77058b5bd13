"""Large files (git-lfs): real in the work tree where the owner has them, else left as pointers.

Our clone's `lfs` folder is the owner's own store, so a large file that an agent changed is in it as
soon as it is committed. git-lfs itself never runs outside the sandbox; see `lfs_filter`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from shlex import quote

from core.model import Mount
from git_ops import lfs_filter
from git_ops.git import Git

FOR_THE_AGENT = """[filter "lfs"]
\tprocess = git-lfs filter-process
[lfs]
\tskipDownloadErrors = true
"""


def filtering(git: Git, store: Path) -> Git:
    """With large files taken from and put into a store, if there is one."""
    if not store.is_dir():
        return git
    program = (sys.executable, "-I", "-S", lfs_filter.__file__, str(store))
    return git.configured(
        f"filter.lfs.process={' '.join(map(quote, program))}", "filter.lfs.required=true"
    )


def share_store(clone: Path, store: Path) -> None:
    """Make `store`, the owner's, be the clone's."""
    link = clone / "lfs"
    if store.is_dir() and not os.path.lexists(link):
        link.symlink_to(store)


def mounts(clone: Path) -> tuple[Mount, ...]:
    """git-lfs looks for large files beside the objects that a repository borrows."""
    link = clone / "lfs"
    return (Mount(link.resolve(), link),) if link.is_dir() else ()
