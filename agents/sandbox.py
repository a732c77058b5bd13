"""The box that agents and checks run in: what they see, and what they can write.

Under bubblewrap they see the system, read-only, and the tools that were found; whatever else the
machine has (homes, data, other projects, Gofer's own home, sockets) is not there. Only the
workspace, the agent's own folders and the project's caches can be written. What always holds: a
deeper mount never weakens a hidden place beyond the one path it names; without a working box and
without an explicit choice nothing runs.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from agents import checks, landlock, processes, toolchains
from agents.checks import Boxed
from core.errors import AgentError
from core.model import Mount, SandboxInfo, Workspace

SYSTEM = (  # what is there at all, besides what is found or named
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/sys", "/nix", "/gnu",
    "/var/lib/dpkg", "/var/lib/ca-certificates", "/var/lib/gems", "/var/lib/ghc",
    "/var/lib/texmf", "/var/cache/fontconfig",
)  # fmt: skip
OWN = ("/dev", "/proc")  # the box has its own; a program that is masked leads to /dev/null
LINKS = ("/", "/var")  # whose links are there, wherever they lead
SCRATCH = ("/tmp", "/var/tmp", "/run")  # noqa: S108 - these are hidden, not used
CONFIGURATION = Path("/etc")  # what is not for everybody in it is hidden: Gofer may run as root
CACHES = (  # under the home; private to each project
    ".cache", ".npm", ".cargo/registry", ".cargo/git", ".m2/repository", ".gradle", "go/pkg",
    ".yarn", ".pnpm-store", ".local/share/pnpm/store", ".bun/install/cache", ".nuget",
)  # fmt: skip
BOX = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
       "--die-with-parent", "--new-session", "--cap-drop", "ALL")  # fmt: skip
SETTLED = ("--ro-bind", "/proc/sys", "/proc/sys")  # root writes it without any capability
SCRATCH_BYTES = 2 * 1024**3
AGENT_USER = "gofer-agent"  # in a container; else the number below
AGENT_UID = 61_000
PASSAGE = 0o711
PROBE_FRESH_S = 60.0
PROBE_TIMEOUT_S = 20.0
CHOICES = (
    "GOFER_SANDBOX can be `bwrap` (Linux: install bubblewrap), `container` (run Gofer in its "
    "container, which is the boundary then), or `off` (agents run as you, unprotected)."
)
PROBE = """
touch "$1/inside" || { echo 'the workspace cannot be written'; exit 3; }
touch "$2/outside" 2>/dev/null; cat "$2/secret" 2>/dev/null && exit 4
mount -o remount,rw / 2>/dev/null && { echo 'it can remount the system'; exit 5; }
[ -z "$(ls -A /run/user 2>/dev/null)" ] || { echo 'it sees /run/user'; exit 6; }
kill -0 "$3" 2>/dev/null && [ "$3" -gt 3 ] && { echo 'it sees other processes'; exit 7; }
[ -w /proc/sys/kernel/core_pattern ] && { echo "it can write the kernel's settings"; exit 8; }
exit 0
"""


class Sandbox:
    def __init__(
        self, choice: str, *, home: Path, hidden: Callable[[], Sequence[Path]] = tuple
    ) -> None:
        """`hidden` tells what no agent may see, besides the places that the policy hides."""
        self._choice = choice
        self._home = home
        self._owner = Path.home()
        self._hidden = hidden
        self._known: tuple[float, SandboxInfo] | None = None
        self._secret: tuple[float, tuple[Path, ...]] = float("-inf"), ()
        self._tools: dict[tuple[str, ...], tuple[float, set[Path]]] = {}

    @property
    def isolates(self) -> bool:
        """Whether agents are kept from what is not theirs."""
        return self._choice != "off"

    @property
    def mounts(self) -> bool:
        """Whether agents see folders of Gofer's in other places."""
        return self._choice in ("auto", "bwrap")

    # --- does it work ----------------------------------------------------------------------------

    async def info(self) -> SandboxInfo:
        """Proved by a probe; a failure is looked into again after a minute."""
        if self._known:
            at, known = self._known
            if known.working or time.monotonic() - at < PROBE_FRESH_S:
                return known
        match self._choice:
            case "auto" | "bwrap":
                problem = await self._probe()
                gap = None if can_close_off() else ABSTRACT
                info = SandboxInfo(self._choice, "bwrap", problem is None, problem, gap)
            case "container":
                problem = None if os.getuid() == 0 else NOT_ROOT
                info = SandboxInfo(self._choice, "container", problem is None, problem)
            case _:
                info = SandboxInfo(self._choice, "none", False, "It is switched off.")
        self._known = time.monotonic(), info
        return info

    async def require(self) -> SandboxInfo:
        """Raises AgentError when nothing may run: no working sandbox, and not chosen so."""
        info = await self.info()
        if not info.working and self._choice != "off":
            raise AgentError(f"No agent runs without a sandbox: {info.problem}\n{CHOICES}")
        return info

    async def _probe(self) -> str | None:
        """What is wrong, or None."""
        if sys.platform != "linux":
            return "bubblewrap exists on Linux only."
        if not shutil.which("bwrap"):
            return "bubblewrap is not installed (for example: sudo apt install bubblewrap)."
        inside, outside = self._home / "probe" / "inside", self._home / "probe" / "outside"
        for folder in (inside, outside):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (outside / "secret").write_text("it can read Gofer's home\n")
        workspace = Workspace(inside, "probe", "", "", "")
        boxed = self.wrap(
            ("/bin/sh", "-c", PROBE, "probe", str(inside), str(outside), str(os.getpid())),
            {"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
            workspace,
        )
        mark = f"{processes.home_mark(self._home)}probe-{os.urandom(4).hex()}"
        code, said = await checks.run(boxed, mark, inside, PROBE_TIMEOUT_S)
        if code == 0 and (outside / "outside").exists():
            code, said = 1, "it can write outside its workspace"
        shutil.rmtree(self._home / "probe", ignore_errors=True)
        if code == 0:
            return None
        return f"bubblewrap does not work here: {explain(said.strip()) or f'exit code {code}'}"

    # --- the box ---------------------------------------------------------------------------------

    def wrap(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        workspace: Workspace,
        *,
        mounts: Sequence[Mount] = (),
        readable: Sequence[Path] = (),
    ) -> Boxed:
        """The command line that runs `argv` in the workspace under the chosen sandbox."""
        match self._choice:
            case "auto" | "bwrap":
                return self._bubblewrap(argv, environment, workspace, mounts, readable)
            case "container":
                return self._container(argv, environment, workspace, mounts)
            case _:
                return Boxed(tuple(argv), environment)

    def _bubblewrap(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        workspace: Workspace,
        mounts: Sequence[Mount],
        readable: Sequence[Path],
    ) -> Boxed:
        program = shutil.which(argv[0], path=environment.get("PATH"))
        view = View(self._concealed())
        for tool in self._toolchains(environment, (program or argv[0], *readable)):
            view.show(tool, tool)
        for place in readable:
            view.show(place, real(place))
        for link in (Path("/etc/resolv.conf"), Path("/etc/localtime")):
            view.show(real(link), real(link))
        for name in CACHES:
            kept = self._home / "cache" / workspace.project / name.replace("/", "-").lstrip(".")
            kept.mkdir(parents=True, exist_ok=True, mode=0o700)
            view.show(kept, self._owner / name, writable=True)
        for mount in (*mounts, *workspace.mounts):
            view.show(mount.source, mount.target, writable=mount.writable)
        view.show(workspace.path, workspace.path, writable=True)
        for path in workspace.protected:
            view.show(path, path)
        for place in (self._owner, workspace.path):
            view.keep_name(place)
        there = ("--chdir", str(workspace.path), "--")
        box = ("bwrap", *BOX, *view.arguments(), *there)
        inside = {**environment, "HOME": str(self._owner), "TMPDIR": "/tmp"}  # noqa: S108
        whole = (*box, program or argv[0], *argv[1:])
        return Boxed(whole, inside, closed_off=can_close_off())

    def _private(self) -> tuple[Path, ...]:
        """Asked afresh for each run: projects come while agents run."""
        return (*map(real, (*self._hidden(), *own_settings())), self._home)

    def _concealed(self) -> dict[Path, bool]:
        """Hidden places, and whether what is written there (in memory) may stay for the run."""
        places = dict.fromkeys((*self._secrets(), *self._private()), False)
        places |= dict.fromkeys((*map(Path, SCRATCH), self._owner), True)
        return {real(place): kept for place, kept in places.items() if toolchains.is_there(place)}

    def _secrets(self) -> tuple[Path, ...]:
        at, known = self._secret
        if time.monotonic() - at > PROBE_FRESH_S:
            known = tuple(not_for_everybody(CONFIGURATION))
            self._secret = time.monotonic(), known
        return known

    def _toolchains(
        self, environment: Mapping[str, str], programs: Sequence[str | Path]
    ) -> set[Path]:
        variables = [environment[name] for name in toolchains.VARIABLES if name in environment]
        key = (environment["PATH"], *variables, *map(str, programs))
        at, known = self._tools.get(key, (float("-inf"), set()))
        if time.monotonic() - at > PROBE_FRESH_S:
            system = [real(Path(place)) for place in (*SYSTEM, *OWN)]
            hidden = tuple(self._concealed())
            private = self._private()

            def concealed(place: Path) -> bool:
                """Not there, and neither in a project nor a folder that holds one."""
                there = any(place.is_relative_to(s) for s in system)
                return (not there or any(place.is_relative_to(p) for p in hidden)) and not any(
                    p.is_relative_to(place) or (place.is_relative_to(p) and not is_venv(place))
                    for p in private
                )

            installed = [Path(program) for program in programs]
            known = toolchains.find(
                environment["PATH"], installed, map(Path, variables), real(self._owner), concealed
            )
            self._tools[key] = time.monotonic(), known
        return known

    def _container(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        workspace: Workspace,
        mounts: Sequence[Mount],
    ) -> Boxed:
        """The container is the boundary; the agent is a user of its own, who owns the workspace."""
        user = agent_user()
        own = self._home / "cache" / workspace.project / "home"
        own.mkdir(parents=True, exist_ok=True)
        writable = [mount.source for mount in mounts if mount.writable]
        for folder in (own, workspace.path, *writable):
            give(folder, user, except_for=workspace.protected)
            let_through(folder, self._home)
        trust = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory"}
        inside = {**environment, **trust, "GIT_CONFIG_VALUE_0": "*", "HOME": str(own)}
        return Boxed(tuple(argv), inside, user=user)


class View:
    """The file system as the box shows it: nothing but what is shown, less what is hidden there."""

    def __init__(self, hidden: Mapping[Path, bool]) -> None:
        self._hidden = hidden
        self._shown: dict[Path, tuple[str, Path]] = {}
        self._names: dict[Path, Path] = {}  # other names of shown places
        entries = [entry for folder in LINKS for entry in Path(folder).iterdir()]
        self._links = {link: link.readlink() for link in entries if link.is_symlink()}
        for place in map(Path, SYSTEM):
            if place not in self._links:
                self.show(place, place)

    def show(self, source: Path, target: Path, *, writable: bool = False) -> None:
        """A later call for the same target stands in for an earlier one."""
        if toolchains.is_there(source):
            self._shown[real(target)] = ("--bind" if writable else "--ro-bind", source)

    def keep_name(self, place: Path) -> None:
        """Let it be found by this name too, where that leads through links."""
        target = real(place)
        for link in (*self._links, *self._names):
            if place.is_relative_to(link) and real(link) / place.relative_to(link) == target:
                return
        if place != target:
            self._names[place] = target

    def arguments(self) -> list[str]:
        """Parents before what is in them, so that nothing covers a deeper place."""
        arguments = [*symlinks(self._links), "--dev", "/dev", "--proc", "/proc", *SETTLED]
        sealed = ["--remount-ro", "/"]
        for target in sorted({*self._hidden, *self._shown}, key=lambda path: len(path.parts)):
            if target in self._shown:
                option, source = self._shown[target]
                arguments += [option, str(source), str(target)]
            elif not self._hidden[target] and self._shown.keys().isdisjoint(target.parents):
                continue  # not there anyway
            elif target.is_dir():
                open_to_all = ("--perms", "1777" if self._hidden[target] else "0755")
                size = ("--size", str(SCRATCH_BYTES))
                arguments += [*open_to_all, *size, "--tmpfs", str(target)]
                if not self._hidden[target]:
                    sealed += ["--remount-ro", str(target)]
            else:
                arguments += ["--ro-bind", "/dev/null", str(target)]
        return [*arguments, *symlinks(self._names), *sealed]


def symlinks(links: Mapping[Path, Path]) -> list[str]:
    return [part for link, to in links.items() for part in ("--symlink", str(to), str(link))]


@functools.cache
def can_close_off() -> bool:
    """Whether abstract sockets can be. Not with a bubblewrap that needs its setuid bit."""
    bwrap = shutil.which("bwrap") or "/"
    return not Path(bwrap).stat().st_mode & stat.S_ISUID and landlock.works()


ABSTRACT = (
    "agents can connect to abstract sockets of this machine (`ss -xl` lists them, with an @); "
    "Linux 6.12 or newer, with Landlock and a bubblewrap without setuid bit, closes that"
)
NO_NAMESPACES = (
    "this system keeps user namespaces from ordinary programs; on Ubuntu an AppArmor profile for "
    "/usr/bin/bwrap allows them, in Docker use GOFER_SANDBOX=container"
)
NOT_ROOT = (
    "GOFER_SANDBOX=container needs Gofer to run as root in its container, so that agents can be "
    "given a user id of their own."
)


def explain(said: str) -> str:
    if "uid map" in said or "Operation not permitted" in said or "Permission denied" in said:
        return f"{said} ({NO_NAMESPACES})"
    return said


def real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def own_settings() -> list[Path]:
    """The settings file in Gofer's own folder, which `make run` uses."""
    return [path for path in (Path(__file__).parents[1] / ".env",) if path.exists()]


def not_for_everybody(folder: Path) -> Iterator[Path]:
    """Keys and passwords of the machine: what an ordinary user could not read there."""
    for root, folders, files in os.walk(folder):
        for names, needed in ((folders, 0o005), (files, 0o004)):
            for name in tuple(names):
                place = Path(root, name)
                with contextlib.suppress(FileNotFoundError):
                    mode = place.lstat().st_mode
                    if not stat.S_ISLNK(mode) and mode & needed != needed:
                        names.remove(name)
                        yield place


def is_venv(place: Path) -> bool:
    return (place / "pyvenv.cfg").is_file()


def agent_user() -> int:
    try:
        return pwd.getpwnam(AGENT_USER).pw_uid
    except KeyError:
        return AGENT_UID


def give(folder: Path, user: int, *, except_for: Sequence[Path] = ()) -> None:
    """Make the user the owner of a folder and all in it; links are not followed."""
    os.lchown(folder, user, user)
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(root, name) not in except_for]
        for name in (*folders, *files):
            with contextlib.suppress(FileNotFoundError):
                os.lchown(Path(root, name), user, user)


def let_through(folder: Path, home: Path) -> None:
    """The way from Gofer's home to the folder may be walked by all, but nothing on it listed."""
    for parent in folder.parents:
        if not parent.is_relative_to(home):
            break
        parent.chmod(PASSAGE)
        for entry in parent.iterdir():
            mode = stat.S_IMODE(entry.lstat().st_mode)
            if entry != folder and mode != PASSAGE and not entry.is_symlink():
                entry.chmod(mode & 0o700)
