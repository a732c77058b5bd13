"""What an agent gets of the owner's environment and logins: what is listed, and nothing else.

What always holds: Gofer's own settings and the parent's GIT_* variables are never passed; of the
owner's configuration folders only the listed login files are ever read, and none is written. Each
agent has folders of Gofer's own, per project, so that one project's conversations are not
another's to read (`logins.py` brings the logins there).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from agents import logins, toolchains
from agents.catalogue import Definition
from core.model import Mount

COMMON = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TERM", "TMPDIR", "TZ")
NETWORK = (
    "[Hh][Tt][Tt][Pp]*_[Pp][Rr][Oo][Xx][Yy]", "[Aa][Ll][Ll]_[Pp][Rr][Oo][Xx][Yy]",
    "[Nn][Oo]_[Pp][Rr][Oo][Xx][Yy]", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
)  # fmt: skip
TOOLS = (*toolchains.VARIABLES, "GOPATH", "RUSTUP_TOOLCHAIN")
NEVER = ("GOFER_*", "TELEGRAM_*", "GIT_*")
NO_SETTING = "GOFER_REHEARSAL"  # the script of the rehearsal agent
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


def allowed(source: Mapping[str, str], patterns: Sequence[str] = ()) -> dict[str, str]:
    """The variables that pass: the common few and those that match `patterns`."""
    passing = (*COMMON, *NETWORK, *TOOLS, *patterns)
    chosen = {
        name: value
        for name, value in source.items()
        if any(fnmatchcase(name, pattern) for pattern in passing)
        and (name == NO_SETTING or not any(fnmatchcase(name, never) for never in NEVER))
    }
    chosen.setdefault("PATH", DEFAULT_PATH)
    chosen.setdefault("HOME", str(Path.home()))
    return chosen


def logged_in(definition: Definition, source: Mapping[str, str]) -> bool | None:
    """None where it cannot be known: an agent may have ways to log in that are not listed."""
    files = [
        Path(folder.at).expanduser() / file
        for folder in definition.folders
        for file in folder.login
    ]
    if any(source.get(name) for name in definition.login_env) or any(map(Path.is_file, files)):
        return True
    return False if files and definition.login_env else None


class Folders:
    """Gofer's own configuration folders of one agent, for one project."""

    def __init__(self, definition: Definition, project: str, home: Path) -> None:
        self._definition = definition
        self._logins = home / "agents" / definition.name / "login"
        self._mine = home / "agents" / definition.name / "projects" / project

    def mounts(self) -> tuple[Mount, ...]:
        """Each at the place where the agent looks for it."""
        return tuple(
            Mount(self._place(folder.at), Path(folder.at).expanduser(), writable=True)
            for folder in self._definition.folders
        )

    def variables(self, *, mounted: bool) -> dict[str, str]:
        return {
            folder.variable: str(
                Path(folder.at).expanduser() if mounted else self._place(folder.at)
            )
            for folder in self._definition.folders
            if folder.variable
        }

    def prepare(self, source: Mapping[str, str]) -> None:
        """Make the folders, bring the logins, and put the seeds where nothing is yet."""
        for folder in self._definition.folders:
            place = self._place(folder.at)
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            for file in folder.login:
                owners, mine = Path(folder.at).expanduser() / file, place / file
                logins.bring(owners, self._logins / place.name / file, mine)
        for seed in self._definition.seed:
            there = "/" in seed.when and self._place(seed.when).is_file()
            wanted = not seed.when or there or source.get(seed.when)
            place = self._place(seed.at)
            if wanted and not place.exists():
                logins.write_private(place, seed.text.encode())

    def _place(self, at: str) -> Path:
        """`~/.local/share/x/auth.json` lives in `.local-share-x`'s folder, and so on."""
        for folder in self._definition.folders:
            if at == folder.at or at.startswith(folder.at + "/"):
                name = folder.at.removeprefix("~/").replace("/", "-")
                return self._mine / name / at.removeprefix(folder.at).lstrip("/")
        return self._mine / at.removeprefix("~/")
