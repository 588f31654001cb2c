"""Settings: options, then the environment, then .env, then a profile, then defaults.

| option | variable | config.toml | default |
| --- | --- | --- | --- |
| --backend | ASYNQHUB_TUI_BACKEND | profile: backend | told by the DSN; demo without one |
| --dsn | ASYNQHUB_TUI_DSN; POSTGRES_DSN; CLICKHOUSE_DSN | profile: dsn | none |
| --redis | ASYNQHUB_TUI_REDIS; REDIS_ADDR | profile: redis | none: retry is off |
| --source | ASYNQHUB_TUI_SOURCE; POSTGRES_DSN | profile: source | none |
| --profile | ASYNQHUB_TUI_PROFILE | default_profile | none |
| --config | ASYNQHUB_TUI_CONFIG | | config.toml in the user's folder for configuration |
| --read-only, --no-read-only | ASYNQHUB_TUI_READ_ONLY (1 or 0) | profile: read_only | off |
| --interval | ASYNQHUB_TUI_INTERVAL | interval; profile: interval | 2 seconds (0.5 to 60) |
| --theme | ASYNQHUB_TUI_THEME | theme | dark |
| --times | ASYNQHUB_TUI_TIMES | times | relative |
| --mouse, --no-mouse | ASYNQHUB_TUI_MOUSE (1 or 0) | mouse | decided by the terminal |
| --full-frames, --no-full-frames | ASYNQHUB_TUI_FULL_FRAMES (1 or 0) | full_frames | off |

The variables may also stand in a file .env in the working directory; an empty one counts as not
set. POSTGRES_DSN and REDIS_ADDR are Asynq-Hub's own: the one is only used for the postgres backend,
the other not for a store that another setting names, so that no task of one installation gets into
the queue of another. CLICKHOUSE_DSN is only used for the clickhouse backend; the
two go with the same REDIS_ADDR, and without --backend the hub's own comes first. A profile that was
named by --profile comes before the environment, as the option does; one that was named otherwise
comes behind .env. The highest source that names a backend or a DSN decides which store is opened.

Two more variables are read from the environment alone: ASYNQHUB_TUI_STATE, the folder of the
journal and the restore files, and ASYNQHUB_TUI_DEBUG, which adds a traceback to an error.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_config_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from asynqhub_tui import config_file
from asynqhub_tui.backends import BACKENDS, Target
from asynqhub_tui.config_file import ConfigFile, SettingsError
from asynqhub_tui.figures import TimeFormat

__all__ = ["INTERVAL", "THEMES", "Settings", "SettingsError", "load"]

INTERVAL = (0.5, 60.0, 2.0)
"""Least, most and default seconds between two polls."""

THEMES = ("dark", "light")

_VARIABLES = {
    "ASYNQHUB_TUI_BACKEND": "backend",
    "ASYNQHUB_TUI_DSN": "dsn",
    "ASYNQHUB_TUI_REDIS": "redis",
    "ASYNQHUB_TUI_SOURCE": "source",
    "ASYNQHUB_TUI_PROFILE": "profile",
    "ASYNQHUB_TUI_CONFIG": "config",
    "ASYNQHUB_TUI_READ_ONLY": "read_only",
    "ASYNQHUB_TUI_INTERVAL": "interval",
    "ASYNQHUB_TUI_THEME": "theme",
    "ASYNQHUB_TUI_TIMES": "times",
    "ASYNQHUB_TUI_MOUSE": "mouse",
    "ASYNQHUB_TUI_FULL_FRAMES": "full_frames",
    "POSTGRES_DSN": "postgres_dsn",
    "CLICKHOUSE_DSN": "clickhouse_dsn",
    "REDIS_ADDR": "redis_addr",
}

_BY_VARIABLE = {"postgres_dsn": "postgres", "clickhouse_dsn": "clickhouse"}
"""The backend that a variable's name tells."""

_BY_SCHEME = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "sqlite": "sqlite",
    "clickhouse": "clickhouse",
    "clickhouses": "clickhouse",
    "http": "clickhouse",
    "https": "clickhouse",
    "chdb": "clickhouse",
}
"""The backend that the beginning of a DSN tells."""

_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


class Settings(BaseModel):
    """What was asked for, checked.

    `dsn_source` names where the DSN came from, for messages, and so does `redis_source`; `redis` is
    the address of the task queue, None where none is known. `source` is the DSN of what the store
    is a copy of, if it is one. `interval` is seconds. `mouse` is None where the terminal decides.
    `full_frames` sends every frame as Textual writes it, also what the terminal shows already.
    `profile` and `color` are set where the store is the profile's. `keys` maps ids of the table of
    keys to the user's own. `warnings` are sentences to show once.
    """

    model_config = ConfigDict(frozen=True)

    backend: str = "demo"
    dsn: SecretStr | None = None
    dsn_source: str = ""
    redis: SecretStr | None = None
    redis_source: str = ""
    source: SecretStr | None = None
    read_only: bool = False
    interval: float = INTERVAL[2]
    theme: Literal["dark", "light"] = "dark"
    times: TimeFormat = TimeFormat.RELATIVE
    mouse: bool | None = None
    full_frames: bool = False
    profile: str | None = None
    color: str | None = None
    keys: Mapping[str, str] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def target(self) -> Target:
        """The installation to open."""
        return Target(backend=self.backend, dsn=self.dsn, read_only=self.read_only)


@dataclass(frozen=True, slots=True)
class _Said:
    """A setting as one source has it."""

    value: str | float | bool
    source: str


_Layer = Mapping[str, _Said]


def load(options: Mapping[str, str | bool], environ: Mapping[str, str], folder: Path) -> Settings:
    """Settle what the sources say; `options` are those given on the command line, by their names.

    `folder` is the working directory, where .env is looked for. Raises SettingsError.
    """
    flags = {name: _Said(value, f"--{name.replace('_', '-')}") for name, value in options.items()}
    in_dotenv = _read_dotenv(folder / ".env")
    outside = (
        flags,
        _from_variables(environ, "in the environment"),
        _from_variables(in_dotenv, "in .env"),
    )
    path, config = _read_config(_first(outside, "config"))
    named = _first(outside, "profile") or _from_file(
        config.default_profile, "default_profile", path
    )
    profile = _from_profile(config, named, path, {**in_dotenv, **environ})
    top = {
        name: said
        for name in ("theme", "times", "interval", "mouse", "full_frames")
        if (said := _from_file(getattr(config, name), name, path))
    }
    first, *others = outside
    by_option = "profile" in flags
    layers = [first, profile, *others, top] if by_option else [first, *others, profile, top]

    backend, dsn = _connection(layers)
    demo = backend is None or backend.value == "demo"
    if demo and "redis" in flags:
        raise SettingsError(
            "--redis names the queue of a store, and the demo has one of its own. Add --dsn."
        )
    redis = None if demo else _redis(first, profile, others, dsn)
    source = None
    if backend is not None and backend.value in ("clickhouse", "sqlite"):
        source = _first(layers, "source") or _first(others, "postgres_dsn")
    elif "source" in flags:
        raise SettingsError(
            "--source names what a copy is of; only a SQLite file or ClickHouse can be one."
        )
    ours = {"backend", "dsn"} & profile.keys()
    at_profile = not ours or any(profile[name] in (backend, dsn) for name in ours)
    color = profile.get("color")
    warning = config_file.exposed_password(path, config)
    return Settings.model_validate(
        {
            "backend": backend.value if backend else "demo",
            "dsn": dsn and dsn.value,
            "dsn_source": dsn.source if dsn else "",
            "redis": redis and redis.value,
            "redis_source": redis.source if redis else "",
            "source": source and source.value,
            "read_only": _switch(_first(layers, "read_only")) or False,
            "interval": _interval(_first(layers, "interval")),
            "theme": _one_of(_first(layers, "theme"), THEMES) or "dark",
            "times": _one_of(_first(layers, "times"), list(TimeFormat)) or TimeFormat.RELATIVE,
            "mouse": _switch(_first(layers, "mouse")),
            "full_frames": _switch(_first(layers, "full_frames")) or False,
            "profile": named.value if named and at_profile else None,
            "color": color.value if color and at_profile else None,
            "keys": config.keys,
            "warnings": (warning,) if warning else (),
        }
    )


def _first(layers: Iterable[_Layer], name: str) -> _Said | None:
    return next((layer[name] for layer in layers if name in layer), None)


def _from_variables(variables: Mapping[str, str], where: str) -> _Layer:
    return {
        name: _Said(variables[variable], f"{variable} {where}")
        for variable, name in _VARIABLES.items()
        if variables.get(variable)
    }


def _from_file(value: str | float | bool | None, name: str, path: Path) -> _Said | None:
    return None if value is None else _Said(value, f"{name} in {path}")


def _read_dotenv(path: Path) -> Mapping[str, str]:
    """Read .env as Asynq-Hub does; none where it is missing, or a folder of that name."""
    if not path.is_file():
        return {}
    from dotenv import dotenv_values  # 40 ms, and most folders have no such file

    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text.") from None
    found = dotenv_values(stream=io.StringIO(text))
    return {name: value for name, value in found.items() if value is not None}


def _read_config(said: _Said | None) -> tuple[Path, ConfigFile]:
    if said is not None:
        path = Path(str(said.value)).expanduser()
    else:
        path = user_config_path("asynqhub-tui") / "config.toml"
    return path, config_file.read(path, required=said is not None)


def _from_profile(
    config: ConfigFile, named: _Said | None, path: Path, variables: Mapping[str, str]
) -> _Layer:
    if named is None:
        return {}
    name = str(named.value)
    if name not in config.profiles:
        known = ", ".join(config.profiles) or "none"
        raise SettingsError(
            f"{named.source}: there is no profile {name!r} in {path}. Known: {known}."
        )
    layer: dict[str, _Said] = {}
    for field, value in config.profiles[name]:
        plain: Any = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(plain, str):
            plain = config_file.expand(plain, variables, f"{field} of profile {name}")
        if plain is not None:
            source = f"profile {name}" if field == "dsn" else f"{field} of profile {name}"
            layer[field] = _Said(plain, source)
    return layer


def _connection(layers: Sequence[_Layer]) -> tuple[_Said | None, _Said | None]:
    """Return the backend and the DSN to use: neither for the demo."""
    backend: _Said | None = None
    dsn: _Said | None = None
    for layer in layers:
        if backend is None and "backend" in layer:
            backend = layer["backend"]
            _one_of(backend, list(BACKENDS))
        for name in ("dsn", "postgres_dsn", "clickhouse_dsn"):
            candidate = layer.get(name)
            if candidate is None or dsn is not None:
                continue
            implied = _BY_VARIABLE.get(name) or _implied_backend(candidate)
            if backend is None:
                dsn = candidate
                backend = _Said(implied, candidate.source) if implied else None
            elif backend.value != "demo" and implied in (None, backend.value):
                dsn = candidate
            elif name == "dsn" and layer.get("backend") is backend:
                raise SettingsError(
                    f"{backend.source} says {backend.value}, but the DSN of {candidate.source} is"
                    f" for {implied or 'a file'}. Leave one of them out."
                )
    _check_complete(backend, dsn)
    return backend, dsn


def _redis(
    flags: _Layer, profile: _Layer, others: Sequence[_Layer], dsn: _Said | None
) -> _Said | None:
    """Return the address of the queue that belongs to the store of `dsn`."""
    if "redis" in flags:
        return flags["redis"]
    if dsn is not None and dsn is profile.get("dsn"):
        return profile.get("redis")
    if said := _first(others, "redis"):
        return said
    hubs_own = _first(others, "postgres_dsn")
    copy = _first(others, "clickhouse_dsn")
    if hubs_own is not None and dsn is not hubs_own and (copy is None or dsn is not copy):
        return None
    return _first(others, "redis_addr") or profile.get("redis")


def _implied_backend(dsn: _Said) -> str | None:
    """Return the backend that a DSN's own form tells, None where it may be a file of any name."""
    text = str(dsn.value).strip()
    if scheme := re.match(r"([A-Za-z][\w+.-]*)://", text):
        if scheme[1].lower() not in _BY_SCHEME:
            known = ", ".join(f"{name}://" for name in _BY_SCHEME)
            raise SettingsError(
                f"{dsn.source} begins with {scheme[1]}://, which is none of {known}."
            )
        return _BY_SCHEME[scheme[1].lower()]
    if text == ":memory:" or text.endswith((".db", ".sqlite", ".sqlite3")):
        return "sqlite"
    return "postgres" if re.match(r"(host|hostaddr|port|dbname|user|service)\s*=", text) else None


def _check_complete(backend: _Said | None, dsn: _Said | None) -> None:
    if backend is None and dsn is not None:
        raise SettingsError(
            f"The DSN of {dsn.source} does not tell its backend. Add --backend postgres, clickhouse"
            " or sqlite."
        )
    if backend is None or dsn is not None or backend.value == "demo":
        return
    if backend.value == "postgres":
        raise SettingsError(
            "The postgres backend needs a DSN. Set POSTGRES_DSN in the environment or in .env,"
            " for example postgres://user@host:5432/asynqhub, or choose a --profile."
        )
    if backend.value == "clickhouse":
        raise SettingsError(
            "The clickhouse backend needs a DSN. Set CLICKHOUSE_DSN in the environment or in .env,"
            " for example clickhouse://user@host:8123/asynqhub, or choose a --profile."
        )
    raise SettingsError(f"The {backend.value} backend needs a file. Give it as --dsn PATH.")


def _interval(said: _Said | None) -> float:
    least, most, default = INTERVAL
    if said is None:
        return default
    try:
        seconds = float(said.value)
    except ValueError:
        seconds = 0.0
    if not least <= seconds <= most:
        raise SettingsError(f"{said.source}: {said.value} is not {least:g} to {most:g} seconds.")
    return seconds


def _one_of(said: _Said | None, known: Sequence[str]) -> str | None:
    if said is None:
        return None
    if said.value not in known:
        words = f"{', '.join(known[:-1])} or {known[-1]}"
        raise SettingsError(f"{said.source}: {said.value!r} is not {words}.")
    return str(said.value)


def _switch(said: _Said | None) -> bool | None:
    if said is None:
        return None
    if isinstance(said.value, bool):
        return said.value
    word = str(said.value).lower()
    if word not in _YES + _NO:
        raise SettingsError(f"{said.source}: {said.value!r} is not 1 or 0.")
    return word in _YES
