"""Large files: kept as pointers unless git-lfs is installed, and never fetched over a network.

Our clone's `lfs` folder is the owner's own, so a large file that an agent changed is in the owner's
store as soon as it is committed, and none is copied twice. An `.lfsconfig` of the repository's
cannot send us anywhere: the address is fixed to nothing.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from core.model import Mount
from git_ops.git import Git

FILTER = ("filter.lfs.process=git-lfs filter-process", "filter.lfs.required=true")
NO_NETWORK = ("lfs.url=file:///dev/null", "lfs.transfer.maxretries=1")
FOR_THE_AGENT = """[filter "lfs"]
\tprocess = git-lfs filter-process
\trequired = true
[lfs]
\tskipDownloadErrors = true
"""


def installed() -> bool:
    return shutil.which("git-lfs") is not None


def filtering(git: Git) -> Git:
    """With large files written as themselves where the owner has them."""
    if not installed():
        return git
    local = git.using(GIT_LFS_SKIP_SMUDGE="0", GIT_LFS_SKIP_DOWNLOAD_ERRORS="1")
    return local.configured(*FILTER, *NO_NETWORK)


def share_store(clone: Path, store: Path) -> None:
    """Make `store`, the owner's, be the clone's."""
    link = clone / "lfs"
    if installed() and store.is_dir() and not os.path.lexists(link):
        link.symlink_to(store)


def mounts(clone: Path) -> tuple[Mount, ...]:
    """git-lfs looks for large files beside the objects that a repository borrows."""
    link = clone / "lfs"
    return (Mount(link.resolve(), link),) if link.is_dir() else ()
