"""Settings: the environment, then `$GOFER_HOME/.env` or the file named by `--env-file`.

Never a `.env` of the current directory: that could be a hostile repository's. Bad values are
reported all at once by `load`. Each setting is documented once, in `.env.example`.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from dotenv import dotenv_values
from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import UserError


class SandboxChoice(StrEnum):
    AUTO = "auto"
    BWRAP = "bwrap"
    CONTAINER = "container"
    OFF = "off"


class Settings(BaseSettings):
    """Each field is the environment variable `GOFER_<NAME>`, but for Telegram's two."""

    model_config = SettingsConfigDict(
        env_prefix="GOFER_", extra="ignore", frozen=True, env_ignore_empty=True
    )

    telegram_bot_token: SecretStr | None = Field(None, validation_alias="TELEGRAM_BOT_TOKEN")
    telegram_api_base_url: str = Field(
        "https://api.telegram.org", validation_alias="TELEGRAM_API_BASE_URL"
    )
    allowed_users: Annotated[tuple[int, ...], NoDecode] = ()
    home: Path = Path("~/.gofer")
    projects: Annotated[tuple[Path, ...], NoDecode] = ()
    default_agent: str = "claude"
    agents: Path | None = None
    notify_urls: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    whisper_model: str = "small"
    voice_language: str | None = None
    voice_preload: bool = False
    mcp_host: str = Field("127.0.0.1")
    mcp_port: int = Field(8765, ge=0, le=65535)
    mcp_token: SecretStr | None = None
    mcp_allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    max_concurrent_tasks: int = Field(3, ge=1, le=100)
    max_agents_per_task: int = Field(1, ge=1, le=10)
    task_queue_size: int = Field(100, ge=1, le=100_000)
    sandbox: SandboxChoice = SandboxChoice.AUTO
    task_timeout_s: float = Field(3600, gt=0)
    idle_timeout_s: float = Field(600, gt=0)
    question_timeout_s: float = Field(3600, gt=0)
    output_limit_mb: int = Field(2000, ge=1)
    task_memory_mb: int | None = Field(None, ge=64)
    task_disk_mb: int | None = Field(20_000, ge=10)
    fix_turns: int = Field(2, ge=0, le=20)
    min_free_disk_mb: int = Field(1000, ge=0)
    min_free_memory_mb: int = Field(500, ge=0)
    keep_worktrees_days: float = Field(7, ge=0)
    keep_transcripts_days: float = Field(90, ge=0)
    keep_tasks_days: float = Field(365, ge=0)
    _file: Path | None = PrivateAttr(None)  # that these were read from

    @field_validator("allowed_users", "mcp_allowed_hosts", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part for part in value.replace(",", " ").split() if part)
        return value

    @field_validator("notify_urls", mode="before")
    @classmethod
    def _split_urls(cls, value: object) -> object:
        return split_urls(value) if isinstance(value, str) else value

    @field_validator("projects", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(Path(part).expanduser() for part in value.split(os.pathsep) if part)
        return value

    @field_validator("home", "agents", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value is not None else None

    def unknown(self) -> Sequence[str]:
        """What its file sets in Gofer's name although there is no such setting."""
        known = {
            field.validation_alias or _variable(name)
            for name, field in type(self).model_fields.items()
        }
        named = dotenv_values(self._file) if self._file else {}
        ours = (name for name in named if name.startswith(("GOFER_", "TELEGRAM_")))
        return tuple(name for name in ours if name not in known)

    @property
    def database(self) -> Path:
        return self.home / "gofer.db"

    @property
    def runs(self) -> Path:
        return self.home / "runs"

    @property
    def runtime(self) -> Path:
        return runtime_folder(self.home)

    @property
    def private(self) -> tuple[Path, ...]:
        """What no agent may see, wherever it lies: the tokens, and the doors that they open."""
        return (self.runtime, *((self._file,) if self._file else ()))

    @property
    def socket(self) -> Path:
        """Where the running hub listens for `gofer …` commands."""
        return self.runtime / "hub.sock"

    def mcp_url(self, port: int) -> str:
        host = f"[{self.mcp_host}]" if ":" in self.mcp_host else self.mcp_host
        return f"http://{host}:{port}"

    @property
    def mcp_socket(self) -> Path:
        """Where it listens for `gofer mcp`."""
        return self.runtime / "mcp.sock"


def split_urls(text: str) -> tuple[str, ...]:
    """A comma inside a URL is its own: some name several people."""
    return tuple(part for part in re.split(r",*\s+,*|,(?=[\w+.-]+://)|,+$", text) if part)


def runtime_folder(home: Path) -> Path:
    """A short folder for sockets, one per home: their paths are limited to about 100 bytes.

    Made on first use, readable by its owner alone.
    Raises UserError when somebody else's folder is already there.
    """
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    if len(str(base)) > 40:
        base = Path("/tmp")  # noqa: S108 - checked for owner and mode below
    folder = base / f"gofer-{os.getuid()}-{sha256(os.fsencode(home)).hexdigest()[:8]}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if found.st_uid != os.getuid() or not private:
        raise UserError(f"{folder} is not a private folder of yours; remove it and start again.")
    return folder


def make_private(folder: Path) -> None:
    """Make a folder that its owner alone can enter. Raises UserError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be made ({error.strerror}). Set GOFER_HOME to another folder."
        ) from None


def load(env_file: Path | None = None) -> Settings:
    """Read the settings. Raises UserError that lists every bad value."""
    if env_file is None:
        home = Path(os.environ.get("GOFER_HOME") or "~/.gofer").expanduser()
        env_file = home / ".env"
    elif not env_file.is_file():
        raise UserError(
            f"There is no settings file {env_file}. Copy .env.example to it, or run `gofer init`."
        )
    try:
        settings = Settings(_env_file=env_file)  # type: ignore[call-arg]
    except ValidationError as error:
        raise UserError(describe(error)) from None
    except (OSError, UnicodeError) as error:
        raise UserError(f"The settings file {env_file} cannot be read: {error}.") from None
    settings._file = env_file.absolute()
    return settings


def describe(error: ValidationError) -> str:
    """One line per bad setting, without its value (it could be a secret)."""
    lines = [
        f"  {_variable(str(item['loc'][0]))}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False)
    ]
    return "These settings are not right; mend them in your .env:\n" + "\n".join(lines)


def _variable(name: str) -> str:
    """As it is written in the environment."""
    return f"GOFER_{name.upper()}" if name in Settings.model_fields else name
