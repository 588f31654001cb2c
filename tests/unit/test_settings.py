"""Which source wins, what a profile may hold, and what the errors say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import asynqhub_tui.settings
from asynqhub_tui import arguments
from asynqhub_tui.figures import TimeFormat
from asynqhub_tui.settings import Settings, SettingsError, load

PG = "postgres://viewer:s3cret@db.example:5432/asynqhub"
CLICKHOUSE = "clickhouse://hub@ch.example:8123/asynqhub"
OTHER_PG = "postgresql://viewer@other.example/asynqhub"

Load = Callable[..., Settings]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Where the tests put config.toml."""
    return tmp_path / "config" / "config.toml"


@pytest.fixture
def settle(tmp_path: Path, config: Path) -> Load:
    """Load settings from options, variables, the text of .env and the text of config.toml."""

    def settle(
        options: Mapping[str, str | bool] | None = None,
        environ: Mapping[str, str] | None = None,
        dotenv: str | None = None,
        toml: str | None = None,
    ) -> Settings:
        if dotenv is not None:
            (tmp_path / ".env").write_text(dotenv, "utf-8")
        if toml is not None:
            config.parent.mkdir(exist_ok=True)
            config.touch(0o600)
            config.write_text(toml, "utf-8")
        where = {"ASYNQHUB_TUI_CONFIG": str(config)} if toml is not None else {}
        return load(options or {}, {**where, **(environ or {})}, tmp_path)

    return settle


@pytest.fixture(autouse=True)
def no_config_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


def dsn_of(settings: Settings) -> str | None:
    return settings.dsn.get_secret_value() if settings.dsn else None


def test_nothing_configured_is_the_demo(settle: Load) -> None:
    assert settle() == Settings()
    assert settle().backend == "demo"
    assert settle().interval == 2.0


def test_postgres_dsn_alone_is_the_postgres_backend(settle: Load) -> None:
    settings = settle(environ={"POSTGRES_DSN": PG})
    assert (settings.backend, dsn_of(settings)) == ("postgres", PG)
    assert settings.dsn_source == "POSTGRES_DSN in the environment"
    assert settings.target.dsn == settings.dsn


def test_dotenv_is_read_as_the_hub_reads_it(settle: Load) -> None:
    settings = settle(dotenv=f"# the hub\nexport POSTGRES_DSN='{PG}' # trailing\nREDIS_DB=0\n")
    assert (dsn_of(settings), settings.dsn_source) == (PG, "POSTGRES_DSN in .env")


def test_a_folder_called_dotenv_is_no_dotenv(settle: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert settle().backend == "demo"


def test_a_byte_order_mark_in_dotenv_is_no_part_of_a_name(settle: Load) -> None:
    assert settle(dotenv=f"\ufeffPOSTGRES_DSN={PG}\n").backend == "postgres"


def test_sources_in_their_order(settle: Load) -> None:
    toml = 'default_profile = "p"\ninterval = 30\n[profiles.p]\ninterval = 20\n'
    variables = {"ASYNQHUB_TUI_INTERVAL": "5"}
    assert settle(toml="interval = 30").interval == 30
    assert settle(toml=toml).interval == 20
    assert settle(toml=toml, dotenv="ASYNQHUB_TUI_INTERVAL=10").interval == 10
    assert settle(variables, toml=toml).interval == 10
    assert settle(environ=variables).interval == 5
    assert settle({"interval": "3"}, variables).interval == 3


def test_a_profile_named_by_option_stands_above_the_environment(settle: Load) -> None:
    toml = f'[profiles.eu]\ndsn = "{PG}"\ncolor = "red"\nread_only = true\n'
    environ = {"POSTGRES_DSN": OTHER_PG}
    settings = settle({"profile": "eu"}, environ, toml=toml)
    assert (dsn_of(settings), settings.dsn_source) == (PG, "profile eu")
    assert (settings.profile, settings.color, settings.read_only) == ("eu", "red", True)


def test_a_profile_whose_store_is_not_opened_gives_no_name_and_no_colour(settle: Load) -> None:
    toml = f'default_profile = "eu"\n[profiles.eu]\ndsn = "{PG}"\ncolor = "red"\nread_only = true\n'
    settings = settle(environ={"POSTGRES_DSN": OTHER_PG}, toml=toml)
    assert dsn_of(settings) == OTHER_PG
    assert (settings.profile, settings.color) == (None, None)
    assert settings.read_only, "the careful side of what was configured stays"


def test_a_profile_without_a_store_names_whatever_is_opened(settle: Load) -> None:
    toml = '[profiles.eu]\ncolor = "#FF8800"\n'
    settings = settle({"profile": "eu"}, {"POSTGRES_DSN": PG}, toml=toml)
    assert (settings.profile, settings.color, dsn_of(settings)) == ("eu", "#FF8800", PG)


def test_a_profile_is_lifted_from_read_only_by_option(settle: Load) -> None:
    toml = "[profiles.eu]\nread_only = true\n"
    assert settle({"profile": "eu"}, toml=toml).read_only
    assert not settle({"profile": "eu", "read_only": False}, toml=toml).read_only
    assert settle({"read_only": True}, {"ASYNQHUB_TUI_READ_ONLY": "0"}).read_only


@pytest.mark.parametrize(
    ("dsn", "backend"),
    [
        (PG, "postgres"),
        (OTHER_PG, "postgres"),
        ("host=db dbname=asynqhub", "postgres"),
        ("service=prod", "postgres"),
        ("sqlite:///var/hub.db", "sqlite"),
        ("incident.db", "sqlite"),
        ("incident.sqlite3", "sqlite"),
        (":memory:", "sqlite"),
    ],
)
def test_a_dsn_tells_its_backend(settle: Load, dsn: str, backend: str) -> None:
    assert settle({"dsn": dsn}).backend == backend
    assert settle(environ={"ASYNQHUB_TUI_DSN": dsn}).backend == backend


def test_a_higher_dsn_overrules_a_lower_backend(settle: Load) -> None:
    settings = settle({"dsn": "x.db"}, {"ASYNQHUB_TUI_BACKEND": "postgres", "POSTGRES_DSN": PG})
    assert (settings.backend, dsn_of(settings)) == ("sqlite", "x.db")


def test_a_higher_backend_passes_over_a_dsn_that_is_not_its(settle: Load) -> None:
    assert settle({"backend": "demo"}, {"POSTGRES_DSN": PG}).dsn is None
    settings = settle(
        {"backend": "postgres"}, {"ASYNQHUB_TUI_DSN": "x.db"}, dotenv=f"POSTGRES_DSN={PG}"
    )
    assert dsn_of(settings) == PG


def test_a_file_of_any_name_needs_the_backend_said(settle: Load) -> None:
    assert settle({"dsn": "snapshot"}, {"ASYNQHUB_TUI_BACKEND": "sqlite"}).backend == "sqlite"
    with pytest.raises(SettingsError, match="Add --backend postgres, clickhouse or sqlite"):
        settle({"dsn": "snapshot"})


@pytest.mark.parametrize(
    "dsn",
    [
        CLICKHOUSE,
        "clickhouses://ch.example/hub",
        "http://ch.example:8123/hub",
        "https://ch.example",
        "chdb:///var/hub",
        "ClickHouse://ch.example/hub",
    ],
)
def test_a_dsn_tells_that_it_is_for_clickhouse(settle: Load, dsn: str) -> None:
    assert settle({"dsn": dsn}).backend == "clickhouse"
    assert dsn_of(settle(environ={"CLICKHOUSE_DSN": dsn})) == dsn


def test_beside_the_hubs_own_clickhouse_is_taken_when_it_is_asked_for(settle: Load) -> None:
    environ = {"POSTGRES_DSN": PG, "CLICKHOUSE_DSN": CLICKHOUSE}
    assert dsn_of(settle(environ=environ)) == PG
    settings = settle({"backend": "clickhouse"}, environ)
    assert (dsn_of(settings), settings.backend) == (CLICKHOUSE, "clickhouse")
    assert settings.dsn_source == "CLICKHOUSE_DSN in the environment"


def test_our_own_variable_comes_before_the_hubs(settle: Load) -> None:
    settings = settle(environ={"POSTGRES_DSN": PG, "ASYNQHUB_TUI_DSN": OTHER_PG})
    assert settings.dsn_source == "ASYNQHUB_TUI_DSN in the environment"


def test_an_empty_variable_is_not_set(settle: Load) -> None:
    assert settle(environ={"POSTGRES_DSN": "", "ASYNQHUB_TUI_INTERVAL": ""}) == Settings()


def test_variables_expand_inside_a_profile(settle: Load) -> None:
    toml = '[profiles.eu]\ndsn = "postgres://u:${DB_PASS}@${DB_HOST}/hub"\n'
    settings = settle(
        {"profile": "eu"}, {"DB_PASS": "pa$$"}, dotenv="DB_HOST=h\nDB_PASS=old", toml=toml
    )
    assert dsn_of(settings) == "postgres://u:pa$$@h/hub"
    with pytest.raises(SettingsError, match=r"dsn of profile eu uses \$\{DB_PASS\}, which is not"):
        settle({"profile": "eu"}, dotenv="DB_HOST=h", toml=toml)


def test_a_profile_that_is_not_used_needs_no_variables(settle: Load) -> None:
    toml = '[profiles.eu]\ndsn = "postgres://${UNSET}/hub"\n[profiles.lab]\nbackend = "demo"\n'
    assert settle({"profile": "lab"}, toml=toml).profile == "lab"


def test_everything_else_comes_through(settle: Load) -> None:
    settings = settle(
        {"theme": "light", "mouse": False},
        {"ASYNQHUB_TUI_TIMES": "utc"},
        toml='mouse = true\ntheme = "dark"\n[keys]\n"tasks.retry" = "ctrl+t"\n',
    )
    assert (settings.theme, settings.mouse, settings.times) == ("light", False, TimeFormat.UTC)
    assert settings.keys == {"tasks.retry": "ctrl+t"}


@pytest.mark.parametrize("word", ["1", "true", "YES", "on"])
def test_words_for_yes(settle: Load, word: str) -> None:
    assert settle(environ={"ASYNQHUB_TUI_READ_ONLY": word}).read_only


@pytest.mark.parametrize(
    ("options", "environ", "message"),
    [
        (
            {"backend": "mysql"},
            {},
            "--backend: 'mysql' is not demo, postgres, clickhouse or sqlite",
        ),
        ({"backend": "postgres"}, {}, "Set POSTGRES_DSN in the environment or in .env"),
        ({"backend": "clickhouse"}, {}, "Set CLICKHOUSE_DSN in the environment or in .env"),
        ({"backend": "clickhouse"}, {"POSTGRES_DSN": PG}, "clickhouse backend needs a DSN"),
        ({"backend": "sqlite"}, {}, "needs a file. Give it as --dsn PATH"),
        ({"backend": "sqlite", "dsn": PG}, {}, "says sqlite, but the DSN of --dsn is for postgres"),
        ({"backend": "demo", "dsn": PG}, {}, "says demo, but the DSN of --dsn is for postgres"),
        ({"dsn": "mysql://u:s3cret@h/d"}, {}, "--dsn begins with mysql://, which is none of"),
        ({"interval": "0.4"}, {}, "--interval: 0.4 is not 0.5 to 60 seconds"),
        ({"interval": "nan"}, {}, "--interval: nan is not"),
        ({}, {"ASYNQHUB_TUI_INTERVAL": "soon"}, "ASYNQHUB_TUI_INTERVAL in the environment: soon"),
        ({}, {"ASYNQHUB_TUI_THEME": "nord"}, "'nord' is not dark or light"),
        ({}, {"ASYNQHUB_TUI_TIMES": "zulu"}, "'zulu' is not relative, local or utc"),
        ({}, {"ASYNQHUB_TUI_READ_ONLY": "maybe"}, "'maybe' is not 1 or 0"),
        ({"config": "/no/such.toml"}, {}, "There is no file /no/such.toml"),
        ({"profile": "eu"}, {}, "--profile: there is no profile 'eu' in .*Known: none"),
    ],
)
def test_what_cannot_be_used_is_named(
    settle: Load, options: Mapping[str, str], environ: Mapping[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        settle(options, environ)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("refresh = 2", r"config.toml: unknown key refresh. Known here: default_profile, theme"),
        (
            '[profiles.eu]\nurl = "x"',
            "unknown key profiles.eu.url. Known here: backend, dsn, redis, source, read_only",
        ),
        ('[profiles.eu]\nread_only = "yes"', "profiles.eu.read_only: Input should be a valid bool"),
        ('[profiles.eu]\ncolor = "mauve"', "profiles.eu.color: String should match"),
        ("interval = 90", "interval in .*config.toml: 90.0 is not 0.5 to 60 seconds"),
        ("interval = = 2", "config.toml is not valid TOML: .*line 1"),
        ('default_profile = "eu"', "default_profile in .*config.toml: there is no profile 'eu'"),
        ('[keys]\n"tasks.retry" = 3', "keys.tasks.retry: Input should be a valid string"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(settle: Load, toml: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settle(toml=toml)


def test_a_wrong_value_beside_a_dsn_does_not_show_it(settle: Load) -> None:
    with pytest.raises(SettingsError) as raised:
        settle(toml=f'[profiles.eu]\ndsn = ["{PG}"]')
    assert "s3cret" not in str(raised.value)


def test_files_that_cannot_be_read_are_named(settle: Load, config: Path, tmp_path: Path) -> None:
    config.parent.mkdir()
    config.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match=r"config.toml is not UTF-8"):
        settle({"config": str(config)})
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        settle({"config": str(config.parent)})
    (tmp_path / ".env").write_bytes(b"A=\xff")
    with pytest.raises(SettingsError, match=r"\.env is not UTF-8"):
        settle()


def test_a_password_that_others_may_read_is_warned_of(settle: Load, config: Path) -> None:
    toml = f'[profiles.eu]\ndsn = "{PG}"\n'
    assert settle(toml=toml).warnings == ()
    config.chmod(0o640)
    (warning,) = settle(toml=toml).warnings
    assert "chmod 600" in warning
    assert "s3cret" not in warning
    config.write_text(toml.replace("s3cret", "${PASS}"), "utf-8")
    assert settle().warnings == ()


def test_the_configuration_of_the_user_is_found(tmp_path: Path) -> None:
    file = tmp_path / "xdg" / "asynqhub-tui" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("interval = 7", "utf-8")
    assert load({}, {}, tmp_path).interval == 7


def test_no_password_in_a_representation(settle: Load) -> None:
    settings = settle({"dsn": PG})
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_every_option_and_variable_is_in_the_table() -> None:
    table = str(asynqhub_tui.settings.__doc__)
    for name in arguments.SETTINGS:
        assert f"| --{name.replace('_', '-')}" in table
        assert f"ASYNQHUB_TUI_{name.upper()}" in table


@pytest.mark.parametrize(
    "name", sorted(set(arguments.SETTINGS) - {"config", "profile", "redis", "source"})
)
def test_every_option_may_come_as_a_variable(settle: Load, name: str) -> None:
    said = {
        "backend": "demo",
        "dsn": "x.db",
        "read_only": "1",
        "interval": "9",
        "theme": "light",
        "times": "utc",
        "mouse": "0",
        "full_frames": "1",
    }[name]
    as_variable = settle(environ={f"ASYNQHUB_TUI_{name.upper()}": said})
    by_option = settle({name: said})
    without_source = {"dsn_source"}
    assert as_variable.model_dump(exclude=without_source) == by_option.model_dump(
        exclude=without_source
    )
    assert name == "backend" or as_variable != Settings()


def source_of(settings: Settings) -> str | None:
    return settings.source.get_secret_value() if settings.source is not None else None


def test_the_source_of_a_copy(settle: Load) -> None:
    hubs_own = {"POSTGRES_DSN": PG}
    of_a_file = settle({"dsn": "incident.db"}, hubs_own)
    assert (of_a_file.backend, source_of(of_a_file)) == ("sqlite", PG)
    of_clickhouse = settle({"backend": "clickhouse"}, {**hubs_own, "CLICKHOUSE_DSN": CLICKHOUSE})
    assert source_of(of_clickhouse) == PG
    assert source_of(settle({"dsn": "incident.db", "source": OTHER_PG}, hubs_own)) == OTHER_PG
    named = {**hubs_own, "ASYNQHUB_TUI_SOURCE": OTHER_PG}
    assert source_of(settle({"dsn": "incident.db"}, named)) == OTHER_PG


def test_the_source_of_a_profile(settle: Load) -> None:
    toml = f'[profiles.copy]\ndsn = "{CLICKHOUSE}"\nsource = "{PG}"\n'
    settings = settle({"profile": "copy"}, toml=toml)
    assert (settings.backend, source_of(settings)) == ("clickhouse", PG)
    assert "s3cret" not in repr(settings)


def test_the_hubs_own_database_is_no_copy(settle: Load) -> None:
    assert source_of(settle(environ={"POSTGRES_DSN": PG})) is None
    assert source_of(settle(environ={"ASYNQHUB_TUI_SOURCE": PG})) is None


def test_what_is_no_copy_takes_no_source(settle: Load) -> None:
    for options in ({}, {"dsn": OTHER_PG}):
        with pytest.raises(SettingsError, match="--source names what a copy is of"):
            settle({**options, "source": PG})
