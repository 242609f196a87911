"""The doctor says whether stations can fetch and leave files, and settings that cannot be meant are refused."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from authority import Authority
from elstrada.config import Config, ConfigInvalid, load
from elstrada.roles.doctor.case import Case, Level
from elstrada.roles.doctor.file_door import examine_file_door
from elstrada.roles.doctor.files import examine_files
from elstrada.roles.doctor.machine import this_machine
from elstrada.roles.doctor.ports import examine_ports
from jws import new_ec


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("ELSTRADA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def configured(**settings: str) -> Config:
    ports = dict.fromkeys(("health.port", "stations.port", "http.port", "stations.tls.port"), "0")
    named = {name.replace("__", "."): text for name, text in settings.items()}
    return load({"data_dir": "data", "files.port": "8002"} | ports | named).config


def found(**settings: str) -> list[tuple[Level, str]]:
    machine = msgspec.structs.replace(this_machine(), uid=os.getuid())
    return [
        (one.level, one.says)
        for one in examine_file_door(Case(config=configured(**settings), machine=machine))
    ]


FAR = {"files__public_url": "https://files.example.org"}


def test_a_door_that_stations_reach_and_a_folder_with_room_are_fine(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir(mode=0o700)
    assert [level for level, _ in found(files__dir=str(tmp_path / "f"), **FAR)] == [Level.FINE] * 2


@pytest.mark.parametrize(
    ("settings", "level", "says"),
    [
        ({}, Level.WARNING, "no station can reach the door"),
        ({"files__host": "0.0.0.0"}, Level.WARNING, "stations are told 0.0.0.0"),
        ({"files__public_url": "http://files.example.org"}, Level.WARNING, "plain http"),
        ({"files__public_url": "https://localhost"}, Level.PROBLEM, "this machine"),
        (FAR | {"database__url": "postgresql://u@h/d"}, Level.WARNING, "files.shared"),
        (FAR | {"files__dir": "nowhere"}, Level.WARNING, "does not exist yet"),
        (FAR | {"files__dir": "open"}, Level.PROBLEM, "others can read stations' logs"),
        (FAR | {"files__dir": "/proc"}, Level.PROBLEM, ""),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, settings: dict[str, str], level: Level, says: str) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    assert any(one == level and says in text for one, text in found(**settings)), found(**settings)


def test_without_a_door_there_is_nothing_to_say_but_where_it_is() -> None:
    no_pages = {"roles": "gateway", "database.url": "postgresql://u@h/d", "nats.url": "nats://h"}
    elsewhere = Case(config=load({"files.port": "8002"} | no_pages).config, machine=this_machine())
    assert [one.level for one in examine_file_door(elsewhere)] == [Level.FINE]
    assert list(examine_file_door(Case(config=load({}).config, machine=this_machine()))) == []


def test_its_port_is_looked_at_like_the_others() -> None:
    told = [one.says for one in examine_ports(Case(config=configured(), machine=this_machine()))]
    assert [says for says in told if says.startswith("files:")]


def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="no certificate to show"):
        configured(files__tls="true")
    with pytest.raises(ConfigInvalid, match=r"files\.public_url"):
        configured(files__public_url="https://user:secret@files.example.org")
    one = Authority(tmp_path / "ca").server()
    tls = {"stations__tls__certificate": str(one.certificate), "stations__tls__key": str(one.key)}
    assert configured(files__tls="true", **tls).has_file_door


def test_the_key_of_our_own_messages_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    key, certificate, pair = tmp_path / "key.pem", tmp_path / "certificate.pem", new_ec()
    key.write_text(pair.private_pem)
    key.chmod(0o600)
    certificate.write_text(pair.pem)
    named = {
        "stations__message_signing__key": str(key),
        "stations__message_signing__certificate": str(certificate),
    }

    def said(**settings: str) -> list[tuple[Level, str]]:
        machine = msgspec.structs.replace(this_machine(), uid=os.getuid())
        lines = examine_files(Case(config=configured(**settings), machine=machine))
        return [
            (one.level, one.says) for one in lines if "key.pem" in one.says or "certificate.pem" in one.says
        ]

    assert said() == []
    assert said(**named) == [(Level.FINE, f"{key} has mode 600")]
    key.chmod(0o644)
    ((level, says),) = said(**named)
    assert (level, "others can sign as we do" in says) == (Level.PROBLEM, True)
    certificate.write_text(new_ec().pem)
    ((level, says),) = said(**named)
    assert (level, "is not the key of" in says) == (Level.PROBLEM, True)
    certificate.unlink()
    ((level, says),) = said(**named)
    assert (level, "certificate.pem" in says) == (Level.PROBLEM, True)
