"""Where the tools live that agents and checks need: found from PATH, programs and links.

Only what lies in a concealed part of the file system (the owner's home, `/opt`, another disk) has
to be found; the system is readable anyway. What is found is an installed program's own place and
never the folder of a person's files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

BIN = frozenset({"bin", "sbin", "Scripts", "shims"})
PREFIX_SIGNS = ("lib", "lib64", "libexec", "pyvenv.cfg", "conda-meta")
VARIABLES = (  # name where something is installed
    "ASDF_DATA_DIR", "ASDF_DIR", "BUN_INSTALL", "DENO_INSTALL", "FNM_DIR", "GOROOT", "JAVA_HOME",
    "MISE_DATA_DIR", "NVM_DIR", "PNPM_HOME", "PYENV_ROOT", "RBENV_ROOT", "RUSTUP_HOME",
    "SDKMAN_DIR", "VOLTA_HOME",
)  # fmt: skip
PACKAGES = Path("/opt")  # each of its folders is an installed program
MANAGERS = (  # under the home; shims find their tools here
    ".asdf", ".cargo/bin", ".deno/bin", ".bun/bin", ".fnm", ".local/share/fnm",
    ".local/share/mise", ".local/share/pipx", ".local/share/uv/python", ".local/share/uv/tools",
    ".nvm", ".nodenv", ".pyenv", ".rbenv", ".rustup", ".sdkman", ".volta", "go/bin", ".go",
)  # fmt: skip


def find(
    path: str,
    programs: Iterable[Path],
    installed: Iterable[Path],
    home: Path,
    concealed: Callable[[Path], bool],
) -> set[Path]:
    """Files and folders to show: of the PATH, of these programs, and where something is installed.

    `concealed` says whether a path would be invisible otherwise.
    """
    found: set[Path] = set()
    ends = {home, home / ".local", *home.parents}  # hold a person's files

    def show(place: Path) -> None:
        top = place.parent == place.parent.parent
        if place in found or place in ends or top or not concealed(place) or not is_there(place):
            return
        found.add(place)
        for folder in (place, place / "bin"):
            if folder.name in BIN:
                follow(folder)

    def follow(folder: Path) -> None:
        """A link in a folder of programs leads to where the program is installed."""
        try:
            links = [Path(entry.path) for entry in os.scandir(folder) if entry.is_symlink()]
        except OSError:
            return
        for link in links:
            show(installed_at(Path(os.path.realpath(link)), home))

    for manager in MANAGERS:
        show(home / manager)
    for place in installed:
        if place.is_absolute():
            show(Path(os.path.realpath(place)))
    for entry in path.split(os.pathsep):
        if entry.startswith("/"):
            folder = Path(os.path.realpath(entry))
            show(prefix_of(folder, home))
            follow(folder)
    for program in programs:
        show(installed_at(Path(os.path.realpath(program.parent), program.name), home))
        show(installed_at(Path(os.path.realpath(program)), home))
    return found


def installed_at(program: Path, home: Path) -> Path:
    """The smallest folder that a program needs: its prefix, its package, or itself alone."""
    parts = program.parts
    if package := package_of(program):
        return package
    if "node_modules" in parts:
        return Path(*parts[: parts.index("node_modules") + 1])
    return prefix_of(program.parent, home) if program.parent.name in BIN else program


def prefix_of(folder: Path, home: Path) -> Path:
    """Where the programs in a folder are installed: one level up when it looks like it."""
    if package := package_of(folder):
        return package
    prefix = folder.parent
    shared = prefix in (home, home / ".local") or prefix in home.parents
    installed = any(is_there(prefix / sign) for sign in PREFIX_SIGNS)
    return prefix if folder.name in BIN and installed and not shared else folder


def package_of(place: Path) -> Path | None:
    if not place.is_relative_to(PACKAGES) or place == PACKAGES:
        return None
    return PACKAGES / place.relative_to(PACKAGES).parts[0]


def is_there(place: Path) -> bool:
    """False also for what we may not look at, as where a PATH names another user's folders."""
    try:
        return place.exists()
    except PermissionError:
        return False
