"""Which Redis is taken: never that of another installation than the store's."""

from __future__ import annotations

from pathlib import Path

import pytest

from asynqhub_tui.settings import Settings, SettingsError, load

PG = "postgres://hub@db.example/asynqhub"
OTHER_PG = "postgres://hub@other.example/asynqhub"
REDIS = "redis://:s3cret@redis.example:6379/0"
OTHER_REDIS = "other.example:6379"


def settle(
    tmp_path: Path,
    options: dict[str, str | bool] | None = None,
    environ: dict[str, str] | None = None,
    toml: str = "",
    dotenv: str = "",
) -> Settings:
    config = tmp_path / "config.toml"
    config.write_text(toml, "utf-8")
    (tmp_path / ".env").write_text(dotenv, "utf-8")
    return load(options or {}, {"ASYNQHUB_TUI_CONFIG": str(config), **(environ or {})}, tmp_path)


def redis_of(settings: Settings) -> str | None:
    return settings.redis.get_secret_value() if settings.redis else None


def test_the_hubs_own_variables_belong_together(tmp_path: Path) -> None:
    settings = settle(tmp_path, environ={"POSTGRES_DSN": PG, "REDIS_ADDR": REDIS})
    assert (redis_of(settings), settings.redis_source) == (REDIS, "REDIS_ADDR in the environment")
    assert "s3cret" not in repr(settings)


def test_they_may_also_stand_in_dotenv(tmp_path: Path) -> None:
    settings = settle(tmp_path, dotenv=f"POSTGRES_DSN={PG}\nREDIS_ADDR={OTHER_REDIS}\n")
    assert (redis_of(settings), settings.redis_source) == (OTHER_REDIS, "REDIS_ADDR in .env")


def test_without_an_address_there_is_none(tmp_path: Path) -> None:
    assert settle(tmp_path, environ={"POSTGRES_DSN": PG}).redis is None


def test_an_option_always_counts(tmp_path: Path) -> None:
    environ = {"POSTGRES_DSN": PG, "REDIS_ADDR": REDIS}
    settings = settle(tmp_path, {"redis": OTHER_REDIS, "dsn": OTHER_PG}, environ)
    assert (redis_of(settings), settings.redis_source) == (OTHER_REDIS, "--redis")


@pytest.mark.parametrize("options", [{}, {"backend": "demo"}])
def test_the_queue_of_the_demo_cannot_be_chosen(
    tmp_path: Path, options: dict[str, str | bool]
) -> None:
    with pytest.raises(SettingsError, match="the demo has one of its own"):
        settle(tmp_path, {**options, "redis": REDIS})
    assert settle(tmp_path, options, {"ASYNQHUB_TUI_REDIS": REDIS}).redis is None


def test_our_own_variable_counts_for_what_the_environment_names(tmp_path: Path) -> None:
    environ = {"POSTGRES_DSN": PG, "REDIS_ADDR": REDIS, "ASYNQHUB_TUI_REDIS": OTHER_REDIS}
    assert redis_of(settle(tmp_path, environ=environ)) == OTHER_REDIS
    assert redis_of(settle(tmp_path, {"dsn": OTHER_PG}, environ)) == OTHER_REDIS
    toml = f'[profiles.eu]\ndsn = "{OTHER_PG}"\n'
    assert settle(tmp_path, {"profile": "eu"}, environ, toml).redis is None


def test_another_store_does_not_get_the_redis_of_the_hub(tmp_path: Path) -> None:
    environ = {"POSTGRES_DSN": PG, "REDIS_ADDR": REDIS}
    assert settle(tmp_path, {"dsn": OTHER_PG}, environ).redis is None
    assert settle(tmp_path, {"dsn": "incident.db"}, environ).redis is None


def test_a_clickhouse_beside_the_hubs_own_store_gets_it(tmp_path: Path) -> None:
    environ = {"POSTGRES_DSN": PG, "REDIS_ADDR": REDIS, "CLICKHOUSE_DSN": "clickhouse://ch/hub"}
    assert redis_of(settle(tmp_path, {"backend": "clickhouse"}, environ)) == REDIS
    assert settle(tmp_path, {"dsn": "clickhouse://other/hub"}, environ).redis is None


def test_a_store_that_stands_alone_gets_it(tmp_path: Path) -> None:
    assert redis_of(settle(tmp_path, {"dsn": OTHER_PG}, {"REDIS_ADDR": REDIS})) == REDIS


def test_a_profile_has_its_own(tmp_path: Path) -> None:
    toml = f'[profiles.eu]\ndsn = "{OTHER_PG}"\nredis = "redis://:${{PW}}@eu.example:6379"\n'
    environ = {"POSTGRES_DSN": PG, "REDIS_ADDR": REDIS, "PW": "geheim"}
    settings = settle(tmp_path, {"profile": "eu"}, environ, toml)
    assert redis_of(settings) == "redis://:geheim@eu.example:6379"
    assert settings.redis_source == "redis of profile eu"


def test_a_profile_without_one_does_not_get_the_hubs(tmp_path: Path) -> None:
    toml = f'[profiles.eu]\ndsn = "{OTHER_PG}"\n'
    environ = {"POSTGRES_DSN": PG, "REDIS_ADDR": REDIS}
    assert settle(tmp_path, {"profile": "eu"}, environ, toml).redis is None


def test_a_profile_that_names_no_store_lends_its_redis(tmp_path: Path) -> None:
    toml = f'[profiles.eu]\nredis = "{OTHER_REDIS}"\n'
    settings = settle(tmp_path, {"profile": "eu"}, {"POSTGRES_DSN": PG}, toml)
    assert redis_of(settings) == OTHER_REDIS


@pytest.mark.parametrize("options", [{}, {"backend": "demo"}])
def test_the_demo_has_a_queue_of_its_own(tmp_path: Path, options: dict[str, str | bool]) -> None:
    assert settle(tmp_path, options, {"REDIS_ADDR": REDIS}).redis is None
