"""The doctor says what is wrong with Plug & Charge, and asks those who vouch for certificates."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from contracts import DAY, Pki, issued, world
from elstrada.config import load
from elstrada.model.http import HttpResponse
from elstrada.roles.doctor.case import Case, Finding, Level
from elstrada.roles.doctor.certifiers import examine_certifiers
from elstrada.roles.doctor.machine import this_machine
from elstrada.roles.doctor.plug_and_charge import examine_plug_and_charge


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("ELSTRADA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def case(**told: str) -> Case:
    settings = {f"stations.plug_and_charge.{name}": text for name, text in told.items()}
    config = load(
        {"data_dir": "data", "outbound.http": "true", "outbound.networks": '["127.0.0.0/8"]'} | settings
    )
    return Case(config=config.config, machine=msgspec.structs.replace(this_machine(), now=datetime.now(UTC)))


def told(**settings: str) -> list[tuple[Level, str]]:
    return [(one.level, one.says) for one in examine_plug_and_charge(case(**settings))]


def test_nothing_is_said_of_an_installation_without_it() -> None:
    assert told() == []


def test_what_is_wrong_with_the_settings_is_told(tmp_path: Path) -> None:
    file = tmp_path / "roots.pem"
    root = issued("MO Root")
    file.write_text(root.pem)
    assert told(authorities=str(file)) == [(Level.FINE, "1 authorities of contracts, 1 of them roots")]
    ((level, says),) = told(responders="ocsp.example")
    assert (level, "no contract can be checked" in says) == (Level.PROBLEM, True)
    ((level, says),) = told(authorities=str(tmp_path / "none.pem"))
    assert (level, "none.pem" in says) == (Level.PROBLEM, True)
    file.write_text(issued("MO Sub", root).pem)
    ((level, says),) = told(authorities=str(file))
    assert (level, "there is no root" in says) == (Level.PROBLEM, True)
    file.write_text(issued("MO Root", ends=10 * DAY).pem + issued("Old Root", ends=-DAY).pem)
    soon, ended = told(authorities=str(file))
    assert (soon[0], "CN=MO Root ends on" in soon[1]) == (Level.WARNING, True)
    assert (ended[0], "CN=Old Root ended on" in ended[1]) == (Level.WARNING, True)
    file.write_text(root.pem)
    _, accept, clear = told(authorities=str(file), unverified="accept", pool="http://pool.example")
    assert (accept[0], "may charge" in accept[1]) == (Level.WARNING, True)
    assert (clear[0], "in the clear" in clear[1]) == (Level.PROBLEM, True)
    _, folder = told(authorities=str(file), pool_folder=str(tmp_path))
    assert (folder[0], "somebody has put into" in folder[1]) == (Level.WARNING, True)
    _, folder = told(authorities=str(file), pool_folder=str(tmp_path / "none"))
    assert (folder[0], "is no folder" in folder[1]) == (Level.PROBLEM, True)


async def test_the_pool_and_the_responders_are_asked_whether_they_are_there(tmp_path: Path) -> None:
    async with world() as (responder, pool):
        pki, file = Pki(responder), tmp_path / "roots.pem"
        file.write_text(pki.authorities)

        async def found(token: str = "of-the-pool") -> list[Finding]:
            settings = {
                "authorities": str(file),
                "responders": "127.0.0.1",
                "pool": pool.url,
                "pool_headers": f'{{"authorization": "Bearer {token}"}}',
            }
            return await asyncio.to_thread(lambda: list(examine_certifiers(case(**settings))))

        assert [(one.level, one.says) for one in await found()] == [
            (Level.FINE, "the pool of contracts answers"),
            (Level.FINE, f"CN=MO Sub 1 is Good, says {responder.url}"),
            (Level.FINE, f"CN=MO Sub 2 is Good, says {responder.url}"),
        ]
        (unknown, *_) = await found("of-somebody")
        assert (unknown.level, "does not know us" in unknown.says) == (Level.WARNING, True)
        assert "of-somebody" not in unknown.line()
        responder.instead = pool.instead = HttpResponse(503)
        away = await found()
        assert [one.level for one in away] == [Level.WARNING] * 3
        assert all("503" in one.says for one in away)


async def test_authorities_by_est_are_asked_for_their_certificates() -> None:
    settings = {
        "stations.v2g_authority.est": "http://127.0.0.1:9/.well-known/cpo",
        "outbound.http": "true",
        "outbound.networks": '["127.0.0.0/8"]',
        "data_dir": "data",
    }
    whole = Case(config=load(settings).config, machine=this_machine())
    (away,) = await asyncio.to_thread(lambda: list(examine_certifiers(whole)))
    assert (away.level, "http://127.0.0.1:9/.well-known/cpo does not answer" in away.says) == (
        Level.WARNING,
        True,
    )
