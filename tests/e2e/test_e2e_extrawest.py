"""Roaming with a platform on another library, extrawest-ocpi, in 2.1.1 and 2.2.1: whole processes, real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from extrawest_peer import TOKEN_A, ExtrawestPeer, extrawest
from installation import CPO, EMSP, Installation, Json, Nursery, serving, wait_for
from market import location, tariff
from ocpp_stations import Station16, plugged_in

ALL = 'ocpi.versions = ["2.1.1", "2.2.1", "2.3.0"]'
VERSIONS = ["2.1.1", "2.2.1"]
UID = "04AABBCCDD"


@pytest.fixture
def cpo(nursery: Nursery, tmp_path: Path) -> Iterator[Installation]:
    with serving(Installation(tmp_path / "cpo", nursery, (CPO,), (ALL,))) as home:
        now = datetime.now(UTC)
        home.told("tariff", "put", "-", stdin=json.dumps(tariff(now - timedelta(minutes=20))))
        home.told("location", "put", "-", stdin=json.dumps(location(now)))
        yield home


@pytest.fixture
def emsp(nursery: Nursery, tmp_path: Path) -> Iterator[Installation]:
    with serving(Installation(tmp_path / "emsp", nursery, (EMSP,), (ALL,))) as home:
        yield home


def handshake(home: Installation, peer: ExtrawestPeer, own: str) -> Json:
    arguments = ("--url", peer.url, "--token", TOKEN_A, "--party", own)
    return home.told("partner", "handshake", "extrawest", *arguments)


async def until(holds: Callable[[], Any], what: str) -> Any:
    return await asyncio.to_thread(wait_for, holds, what)


def _token(version: str) -> Json:
    contract = {"auth_id": "NLXWTC00000042"}
    if version == "2.2.1":
        contract = {"contract_id": "NLXWTC00000042", "country_code": "NL", "party_id": "XWT"}
    return contract | {
        "uid": UID,
        "type": "RFID",
        "issuer": "Extrawest",
        "valid": True,
        "whitelist": "ALWAYS",
        "last_updated": "2026-01-01T00:00:00Z",
    }


@pytest.mark.parametrize("version", VERSIONS)
async def test_its_emsp_gets_places_prices_sessions_and_cdrs(
    cpo: Installation, tmp_path: Path, version: str
) -> None:
    added = cpo.told("station", "add", "ECHO-16", "--place", "1=HARBOUR/E16")
    with extrawest(tmp_path, version, "EMSP", {"tokens": [_token(version)]}) as peer:
        assert handshake(cpo, peer, "SE*ELS")["version"] == version
        [credentials] = peer.of("credentials")
        assert credentials["data"]["url"].startswith(cpo.http_url)
        assert await until(lambda: cpo.told("token", "list", "--party", "SE*ELS"), "its token, pulled")
        place = (await until(lambda: peer.of("locations"), "the location"))[-1]["data"]
        assert [evse["uid"] for evse in place["evses"]] == ["E16", "E201", "E21"]
        assert (await until(lambda: peer.of("tariffs"), "the tariff"))[-1]["id"] == "DAY-AND-EVENING"
        async with plugged_in(Station16, "ECHO-16", cpo.stations_url, added["password"]) as station:
            assert await station.boot() == "Accepted"
            assert await station.authorize(UID) == "Accepted"
            number = await station.begin(UID, datetime.now(UTC) - timedelta(minutes=10), 1_000)
            session = (await until(lambda: peer.of("sessions"), "the session"))[-1]["data"]
            assert session["status"] == "ACTIVE"
            await station.end(number, datetime.now(UTC), 3_000)
            if version == "2.1.1":
                # It calls the end of a CDR by the name of 2.2, and takes none by the standard's.
                assert await until(lambda: _refused(cpo), "its refusal, to be seen")
                assert not peer.of("cdrs")
                return
            cdr = (await until(lambda: peer.of("cdrs"), "the CDR"))[-1]["data"]
        # 2 kWh at 4.50 and once 5.00, before VAT.
        assert Decimal(str(cdr["total_cost"]["excl_vat"])) == 14
        delivered = await until(lambda: _delivered(cpo), "the CDR, accepted")
        assert delivered["cdr_id"] == cdr["id"].lower(), "it writes identifiers in another case"


def _refused(cpo: Installation) -> list[Json]:
    """CDRs that are kept until they are taken."""
    return cpo.rows("select object_id from mark where kind = 'cdr' and error like 'HTTP 422%'")


def _delivered(cpo: Installation) -> Json | None:
    found = cpo.told("cdr", "list", "--party", "SE*ELS", "--state", "DELIVERED")
    return found[0] if found else None


@pytest.mark.parametrize("version", VERSIONS)
def test_its_cpo_is_pulled_and_gets_our_tokens(emsp: Installation, tmp_path: Path, version: str) -> None:
    carries = {"voltage": 230, "amperage": 16, "tariff_id": "T9"}
    place: Json = {"type": "ON_STREET"}
    if version == "2.2.1":
        carries = {"max_voltage": 230, "max_amperage": 16, "tariff_ids": ["T9"]}
        place = {"country_code": "NL", "party_id": "XWT", "publish": True}
    at = {"last_updated": "2026-01-01T00:00:00Z"}
    connector = {"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE"}
    place |= {
        "id": "L9",
        "address": "Havenstraat 9",
        "city": "Delft",
        "postal_code": "2613 VJ",
        "country": "NLD",
        "coordinates": {"latitude": "52.011600", "longitude": "4.357100"},
        "evses": [{"uid": "E9", "status": "AVAILABLE", "connectors": [connector | carries | at]} | at],
        "time_zone": "Europe/Amsterdam",
        **at,
    }
    emsp.told("customer", "put", "K-1", "--name", "Customer")
    emsp.told("plan", "put", "P", "--name", "Roaming", "--mode", "COST_PLUS")
    emsp.told(
        *("contract", "put", "SERETC00000017", "--customer", "K-1", "--plan", "P"),
        *("--supply-point", "735999000000000013", "--valid-from", "2024-01-01"),
    )
    emsp.told("token", "add", UID, "--contract", "SERETC00000017")
    with extrawest(tmp_path, version, "CPO", {"locations": [place]}) as peer:
        assert handshake(emsp, peer, "SE*RET")["version"] == version
        query = "select document from location where owner = 'SE*RET' and location_id like 'L9'"
        kept = json.loads(wait_for(lambda: emsp.rows(query), "its location")[0]["document"])
        assert kept["evses"][0]["connectors"][0]["tariff_ids"] == ["T9"]
        told = wait_for(lambda: peer.of("tokens"), "our token")[-1]["data"]
        assert told["uid"] == UID
