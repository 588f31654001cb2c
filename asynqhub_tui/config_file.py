"""config.toml: profiles, the user's own keys, and how things look.

    default_profile = "staging"      # used where none is named
    theme = "dark"                   # or "light"
    times = "relative"               # or "local", "utc"
    interval = 2.0                   # seconds between polls
    mouse = true                     # decided by the terminal where it is left out
    full_frames = false              # true: send what the terminal shows already, too

    [profiles.prod-eu]
    backend = "postgres"             # may be left out where the DSN tells
    dsn = "postgres://viewer:${PGPASSWORD_EU}@db.example:5432/asynqhub"
    redis = "redis://:${REDISPASSWORD_EU}@redis.example:6379/0"
    read_only = true
    color = "red"                    # red, yellow, green, blue, magenta, cyan or #rrggbb
    interval = 5

    [keys]
    "tasks.retry" = "ctrl+t"

`${NAME}` inside a profile stands for the variable NAME of the environment or of .env.
"""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from asynqhub_tui.dsn import HIDDEN, mask

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class SettingsError(Exception):
    """An option, variable or file that cannot be used; the message says which and what to do."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Profile(_Table):
    """One `[profiles.NAME]`: an installation and how to treat it."""

    backend: str | None = None
    dsn: SecretStr | None = None
    redis: SecretStr | None = None
    source: SecretStr | None = None
    read_only: bool | None = None
    color: Annotated[
        str | None, Field(pattern=r"^(red|yellow|green|blue|magenta|cyan|#[0-9A-Fa-f]{6})$")
    ] = None
    interval: float | None = None


class ConfigFile(_Table):
    """The whole file."""

    default_profile: str | None = None
    theme: str | None = None
    times: str | None = None
    interval: float | None = None
    mouse: bool | None = None
    full_frames: bool | None = None
    profiles: Mapping[str, Profile] = Field(default_factory=dict)
    keys: Mapping[str, str] = Field(default_factory=dict)


def read(path: Path, *, required: bool) -> ConfigFile:
    """Read the file; an empty one where there is none and it is not `required`.

    Raises SettingsError, which names the file and the key.
    """
    try:
        return ConfigFile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        if not required:
            return ConfigFile()
        raise SettingsError(f"There is no file {path}.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from None
    except ValidationError as error:
        raise SettingsError(f"{path}: {_first(error)}") from None


def expand(text: str, variables: Mapping[str, str], source: str) -> str:
    """Replace every `${NAME}` in `text`; `source` names it in messages. Raises SettingsError."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in variables:
            raise SettingsError(f"{source} uses ${{{name}}}, which is not set. Export {name}.")
        return variables[name]

    return _VARIABLE.sub(value, text)


def exposed_password(path: Path, config: ConfigFile) -> str | None:
    """Return a warning where other users may read a password that the file spells out."""
    dsns = (
        secret.get_secret_value()
        for profile in config.profiles.values()
        for secret in (profile.dsn, profile.redis, profile.source)
        if secret
    )
    spelt_out = any(mask(known) != known for known in (_VARIABLE.sub(HIDDEN, dsn) for dsn in dsns))
    if spelt_out and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"{path} holds a password and other users may read it. Run chmod 600 on it."
    return None


def _first(error: ValidationError) -> str:
    """Say the first complaint in words, without the value: it may be a secret."""
    found = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = [str(part) for part in found["loc"]]
    if found["type"] == "extra_forbidden":
        table: type[_Table] = Profile if place[0] == "profiles" else ConfigFile
        known = ", ".join(table.model_fields)
        return f"unknown key {'.'.join(place)}. Known here: {known}."
    return f"{'.'.join(place)}: {found['msg']}."
