"""Settings: which source wins, what is hidden, what is refused and in which words."""

from pathlib import Path
from typing import Any

import pytest

from ledger.ambient.settings import NAMES, Settings, SettingsError, hide_passwords, read_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with no configuration file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_stand_alone() -> None:
    assert read_settings({}, {}) == Settings()
    assert {Settings().source(name) for name in NAMES} == {"default"}


def test_each_source_is_above_the_one_before(folder: Path) -> None:
    (folder / "comarca.toml").write_text('port = 1\nhost = "::1"\nledger = "file"\nconnections = 20\n')
    environment = {"COMARCA_HOST": "127.0.0.2", "COMARCA_LEDGER": "environment", "COMARCA_PORT": ""}
    settings = read_settings({"ledger": "flag", "connections": None}, environment)
    assert (settings.port, settings.host, settings.ledger, settings.connections) == (1, "127.0.0.2", "flag", 20)
    assert settings.sources == {"port": "comarca.toml", "connections": "comarca.toml", "host": "COMARCA_HOST",
                                "ledger": "flag"}  # fmt: skip
    assert settings.source("url") == "default"


def test_another_file_by_flag_or_by_the_environment(folder: Path) -> None:
    (folder / "a.toml").write_text("port = 1")
    (folder / "b.toml").write_text("port = 2")
    assert read_settings({}, {"COMARCA_CONFIG": "a.toml"}).port == 1
    assert read_settings({}, {"COMARCA_CONFIG": "a.toml"}, Path("b.toml")).port == 2


def test_paths_are_paths_wherever_they_come_from(folder: Path) -> None:
    (folder / "comarca.toml").write_text('operator_key = "a"')
    settings = read_settings({"keyring": Path("c")}, {"COMARCA_PASSWORD_FILE": "b"})
    assert (settings.operator_key, settings.password_file, settings.keyring) == (Path("a"), Path("b"), Path("c"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"port": "80a"}, "port (from flag): a whole number from 0 to 65535 belongs here, not '80a'"),
        ({"port": 65_536}, "from 0 to 65535"),
        ({"port": -1}, "from 0 to 65535"),
        ({"port": True}, "not 'True'"),
        ({"port": 80.0}, "not '80.0'"),
        ({"port": "٣"}, "not '٣'"),
        ({"connections": 0}, "from 10 to 10000"),
        ({"processes": "1_0"}, "from 1 to 100"),
        ({"operator_key": 5}, "text belongs here, not '5'"),
        ({"host": ["a"]}, "text belongs here"),
        ({"host": ""}, "text belongs here"),
        ({"url": "a\x00b"}, "text belongs here"),
        ({"prot": 80}, "prot (from flag): no such setting; there are url, ledger, host, port"),
        ({"sources": {}}, "no such setting"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(values, {})
    assert message in str(error.value)


def test_the_source_of_a_wrong_value_is_named(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"port \(from COMARCA_PORT\)"):
        read_settings({}, {"COMARCA_PORT": "x"})
    (folder / "comarca.toml").write_text('port = "x"')
    with pytest.raises(SettingsError, match=r"port \(from comarca.toml\)"):
        read_settings({}, {})


@pytest.mark.parametrize("octets", [b"port 80", b"\xff = 1", b"port = 1\nport = 2"])
def test_a_broken_file(folder: Path, octets: bytes) -> None:
    (folder / "comarca.toml").write_bytes(octets)
    with pytest.raises(SettingsError, match=r"^comarca\.toml: "):
        read_settings({}, {})


def test_a_file_that_was_named_must_be_there(folder: Path) -> None:
    missing = r"no\.toml: there is no such"
    with pytest.raises(SettingsError, match=missing):
        read_settings({}, {}, Path("no.toml"))
    with pytest.raises(SettingsError, match=missing):
        read_settings({}, {"COMARCA_CONFIG": "no.toml"})
    with pytest.raises(SettingsError):
        read_settings({}, {}, folder)  # a folder is no file


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sqlite:////var/lib/comarca/ledger.db", "sqlite:////var/lib/comarca/ledger.db"),
        ("postgresql+psycopg://anna@db/solana", "postgresql+psycopg://anna@db/solana"),
        ("postgresql+psycopg://anna:geheim@db:5432/solana", "postgresql+psycopg://anna:***@db:5432/solana"),
        ("postgresql+psycopg://anna:ge@he/im@db/solana", "postgresql+psycopg://anna:***@db/solana"),
        ("postgresql+psycopg://:geheim@db/solana", "postgresql+psycopg://:***@db/solana"),
        ("postgresql+psycopg://db/s?user=anna&password=geheim&sslmode=require",
         "postgresql+psycopg://db/s?user=anna&password=***&sslmode=require"),
        ("postgresql+psycopg://db/s?sslpassword=geheim", "postgresql+psycopg://db/s?sslpassword=***"),
        ("https://anna:geheim@ledger.example", "https://anna:***@ledger.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)  # fmt: skip
def test_passwords_are_hidden(address: str, shown: str) -> None:
    assert hide_passwords(address) == shown
    settings = Settings(url=address, server=address)
    assert settings.shown()["url"] == settings.shown()["server"] == shown
    assert "geheim" not in repr(settings)
    assert "he/im" not in repr(settings)


def test_a_password_in_the_wrong_place_is_not_shown_either() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings({}, {"COMARCA_PORT": "postgresql://a:geheim@h/d"})
    assert "geheim" not in str(error.value)
