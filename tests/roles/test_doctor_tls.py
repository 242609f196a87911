"""The doctor says what is wrong with the stations' TLS, and `elstrada serve` does not begin with what cannot serve."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from authority import DAY, Authority, Issued
from elstrada.config import Config, load
from elstrada.roles import authority
from elstrada.roles.doctor.case import Case, Finding, Level
from elstrada.roles.doctor.machine import this_machine
from elstrada.roles.doctor.ports import examine_ports
from elstrada.roles.doctor.tls import examine_tls
from elstrada.roles.serve import EXIT_CONFIG


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("ELSTRADA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca", "Ours")


def configured(*issued: Issued, **more: str) -> Config:
    settings = {
        "data_dir": "data",
        "health.port": "0",
        "stations.port": "0",
        "stations.tls.port": "0",
        "http.port": "0",
    }
    if issued:
        settings["stations.tls.certificate"] = ",".join(str(one.certificate) for one in issued)
        settings["stations.tls.key"] = ",".join(str(one.key) for one in issued)
    return load(settings | {name.replace("__", "."): text for name, text in more.items()}).config


def found(config: Config, *, after: int = 0) -> list[Finding]:
    machine = msgspec.structs.replace(this_machine(), now=datetime.now(UTC) + after * DAY)
    return list(examine_tls(Case(config=config, machine=machine)))


def levels(findings: list[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


def test_what_serves_is_told_with_its_end(ours: Authority) -> None:
    issued = ours.server("RSA", file="server"), ours.server("EC")
    for one in issued:
        one.key.chmod(0o600)
    config = configured(*issued, stations__tls__client_ca=str(ours.file))
    told = found(config)
    assert levels(told) == [Level.FINE] * 3
    assert "RSA, until 20" in told[0].says
    assert levels(found(config, after=80)) == [Level.WARNING, Level.WARNING, Level.FINE]
    late = found(config, after=91)
    assert levels(late) == [Level.PROBLEM, Level.PROBLEM, Level.FINE]
    assert "ended on" in late[0].says
    assert late[0].do.startswith("renew it")


def test_a_key_that_everybody_can_read_is_a_problem(ours: Authority) -> None:
    issued = ours.server()
    issued.key.chmod(0o644)
    (_, told) = found(configured(issued))
    assert (told.level, "everybody can read the key" in told.says) == (Level.PROBLEM, True)


def test_every_misfit_is_a_problem_and_serve_ends_with_it(ours: Authority, tmp_path: Path) -> None:
    one, two = ours.server("RSA"), ours.server("EC")
    crossed = Issued(one.certificate, two.key), Issued(two.certificate, one.key)
    assert levels(found(configured(*crossed))) == [Level.PROBLEM] * 2
    settings = {"certificate": one.certificate, "key": two.key}
    ended = subprocess.run(
        [
            Path(sys.executable).with_name("elstrada"),
            *(f"--set=stations.tls.{name}={file}" for name, file in settings.items()),
            "--set=health.port=0",
            '--set=parties=[{"id": "SE*ELS", "roles": ["CPO"], "name": "Els"}]',
            f"--data-dir={tmp_path / 'data'}",
            "serve",
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == EXIT_CONFIG
    said = f"elstrada: stations.tls: {two.key} is not the key of {one.certificate}"
    assert ended.stderr.splitlines()[-1] == said
    one.key.unlink()
    assert "cannot be read: No such file" in found(configured(one))[0].says


def test_a_plain_door_for_the_world_is_worth_a_word(ours: Authority) -> None:
    def said(**settings: str) -> list[Level]:
        return levels(found(configured(stations__host="0.0.0.0", **settings)))

    assert levels(found(configured())) == []
    assert said() == [Level.WARNING]
    assert said(stations__tls_in_front="true") == []
    assert said(roles="pages,roamer,rater,biller") == []
    issued = ours.server()
    issued.key.chmod(0o600)
    assert levels(found(configured(issued, stations__host="0.0.0.0", stations__plain="false"))) == [
        Level.FINE
    ]


def test_the_ports_that_are_looked_at_are_those_of_the_doors_there_are(ours: Authority) -> None:
    config = configured(ours.server(), stations__plain="false", stations__tls__port="19443")
    told = list(examine_ports(Case(config=config, machine=this_machine())))
    assert [finding.says.split(":")[0] for finding in told] == ["stations.tls"]


def test_the_authority_that_signs_for_stations_must_be_theirs_and_is_better_elsewhere(
    ours: Authority, tmp_path: Path
) -> None:
    now, folder, other = datetime.now(UTC), tmp_path / "authority", tmp_path / "other"
    for place, organization in ((folder, "Els"), (other, "Other")):
        authority.make_authority(place, "Stations", organization, now)
    issued, trusted = ours.server(), str(folder / authority.CERTIFICATE)
    issued.key.chmod(0o600)

    def told(place: Path) -> list[str]:
        more = {
            "stations__tls__client_ca": trusted,
            "stations__tls__organization": "Els",
            "stations__authority__folder": str(place),
        }
        return [one.says for one in found(configured(issued, **more)) if one.level is not Level.FINE]

    (only,) = told(folder)
    assert "is on this server" in only
    (folder / authority.KEY).chmod(0o604)
    assert any("everybody can read the key" in says for says in told(folder))
    wrong = told(other)
    assert any("signs for 'Other', and stations must be of 'Els'" in says for says in wrong)
    assert any("what it signs opens no door" in says for says in wrong)
    (missing, *_) = told(tmp_path / "nothing")
    assert "cannot be used" in missing


def test_the_authority_for_cars_need_open_no_door_unless_it_signs_for_both(
    ours: Authority, tmp_path: Path
) -> None:
    folder, issued = tmp_path / "v2g", ours.server()
    authority.make_authority(folder, "V2G", "Els", datetime.now(UTC))
    issued.key.chmod(0o600)

    def told(combined: str) -> list[str]:
        more = {
            "stations__tls__client_ca": str(ours.file),
            "stations__v2g_authority__folder": str(folder),
            "stations__v2g_authority__combined": combined,
        }
        return [one.says for one in found(configured(issued, **more)) if one.level is not Level.FINE]

    (only,) = told("false")
    assert "to cars as any station" in only
    assert any("what it signs opens no door" in says for says in told("true"))


def test_an_authority_is_not_asked_in_the_clear(ours: Authority) -> None:
    issued = ours.server()
    more = {
        "stations__tls__client_ca": str(ours.file),
        "stations__authority__est": "http://pki.example/.well-known/est",
    }
    assert any("in the clear" in one.says for one in found(configured(issued, **more)))


def test_how_soon_is_soon_can_be_set(ours: Authority) -> None:
    issued = ours.server(ends=40 * DAY)
    issued.key.chmod(0o600)
    assert Level.WARNING not in levels(found(configured(issued, stations__plain="false")))
    early = configured(issued, stations__plain="false", stations__certificate_days="60")
    assert Level.WARNING in levels(found(early))
