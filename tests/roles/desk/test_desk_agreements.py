"""Agreements at the desk: made, shown, listed and ended, and refused where they name what is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from desk_book import done

from elstrada.model.agreement import Agreement, Asking, Bounds, PartnerTariff, Places, Which
from elstrada.model.facts import AgreementEnded, AgreementMade
from elstrada.model.ids import PartyId, agreement_stream
from elstrada.model.location import Connector, Evse, EvseStatus, GeoLocation, Location
from elstrada.model.party import BusinessDetails, PartyRole, Peer, PeerState, Role
from elstrada.model.tariff import Tariff
from elstrada.roles.desk.agreements import AgreementLine
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.table import verb_named
from elstrada.roles.roaming.rows import location_row, tariff_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work

ELS, RET = PartyId("SE", "ELS"), PartyId("SE", "RET")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def scene(steps: Callable[[Desk], Awaitable[None]]) -> Callable[[Desk], None]:
    """With a partner, a location and two tariffs, of which one is its own."""

    def run(desk: Desk) -> None:
        async def all_of_it() -> None:
            await done(desk, "party put", party="SE*ELS", roles=["CPO"], name="Elstrada Nord")
            roles = (PartyRole(RET, Role.EMSP, BusinessDetails("R")),)
            peer = Peer(owner=ELS, id="nord", state=PeerState.ACTIVE, roles=roles, changed_at=NOW)
            row = {"owner": str(ELS), "peer_id": "nord", "state": "ACTIVE", "changed_at": NOW}
            puts = [
                Put(t.peer, row | {"document": msgspec.json.encode(peer).decode()}),
                Put(t.location, location_row(ELS, _location(), "own")),
                *(Put(t.tariff, tariff_row(ELS, _tariff(name))) for name in ("T1", "T2")),
            ]
            await desk.spine.commit(Work(writes=tuple(puts)))
            await steps(desk)

        asyncio.run(all_of_it())

    return run


def _location() -> Location:
    connector = Connector(
        id="1",
        standard="IEC_62196_T2",
        format="SOCKET",
        power_type="AC_3_PHASE",
        max_voltage=230,
        max_amperage=32,
        tariff_ids=("T1",),
        last_updated=NOW,
    )
    evse = Evse(uid="E1", status=EvseStatus.AVAILABLE, connectors=(connector,), last_updated=NOW)
    return Location(
        party=ELS,
        id="L1",
        address="A",
        city="C",
        country="SWE",
        coordinates=GeoLocation("1", "2"),
        evses=(evse,),
        time_zone="Europe/Stockholm",
        last_updated=NOW,
    )


def _tariff(name: str) -> Tariff:
    return Tariff(party=ELS, id=name, currency="SEK", elements=(), last_updated=NOW)


async def line(desk: Desk, name: str, **values: object) -> AgreementLine:
    found = await done(desk, name, **values)
    assert isinstance(found, AgreementLine), found
    return found


def test_without_an_agreement_the_default_is_shown_and_none_is_listed(desk: Desk) -> None:
    @scene
    async def steps(desk: Desk) -> None:
        shown = await line(desk, "agreement show", partner="nord")
        assert (shown.sends, shown.receives, shown.holds, shown.changed_at) == (
            ("all",),
            ("all",),
            True,
            None,
        )
        assert await done(desk, "agreement list") == ()

    steps(desk)


def test_what_is_agreed_is_a_fact_and_what_is_not_named_stays_as_it_was(desk: Desk) -> None:
    @scene
    async def steps(desk: Desk) -> None:
        await line(
            desk,
            "agreement set",
            partner="nord",
            with_party="SE*RET",
            sends=["tariffs", "locations"],
            receives=["none"],
            places="EXCLUDED",
            location=["L1"],
            group=["north"],
            country=["NOR"],
            tariff=["T2@L1/E1/1", "T2"],
            asking="ALWAYS",
            most_sessions=3,
        )
        shown = await line(
            desk, "agreement set", partner="nord", with_party="SE*RET", most_cost=Decimal("9.5")
        )
        expected = Agreement(
            party=RET,
            sends=("locations", "tariffs"),
            receives=(),
            places=Places(which=Which.EXCLUDED, locations=("L1",), groups=("north",), countries=("NOR",)),
            tariffs=(
                PartnerTariff(tariff_id="T2", location_id="L1", evse_uid="E1", connector_id="1"),
                PartnerTariff(tariff_id="T2"),
            ),
            asking=Asking.ALWAYS,
            bounds=Bounds(open_sessions=3, cost=Decimal("9.5")),
        )
        facts = [one.fact for one in await desk.spine.facts(agreement_stream(ELS, "nord"))]
        assert facts[-1] == AgreementMade("nord", expected)
        assert (shown.sends, shown.receives) == (("locations", "tariffs"), ("none",))
        [listed] = await _listed(desk)
        assert (listed.partner, listed.with_party, listed.bounds) == ("nord", "SE*RET", expected.bounds)
        anew = await line(desk, "agreement set", partner="nord", with_party="SE*RET", default=True)
        assert (anew.sends, anew.bounds) == (("all",), Bounds())

    steps(desk)


def test_an_agreement_that_ended_holds_no_more_and_can_be_made_again(desk: Desk) -> None:
    @scene
    async def steps(desk: Desk) -> None:
        await line(desk, "agreement set", partner="nord", most_sessions=3)
        gone = await line(desk, "agreement end", partner="nord", note="unpaid")
        assert (gone.holds, gone.note) == (False, "unpaid")
        shown = await line(desk, "agreement show", partner="nord")
        assert (shown.holds, shown.note, shown.bounds.open_sessions) == (False, "unpaid", 3)
        facts = [one.fact for one in await desk.spine.facts(agreement_stream(ELS, "nord"))]
        assert facts[-1] == AgreementEnded("nord", note="unpaid")
        again = await line(desk, "agreement set", partner="nord")
        assert (again.holds, again.bounds.open_sessions) == (True, 3)

    steps(desk)


def test_the_default_can_be_ended_too(desk: Desk) -> None:
    @scene
    async def steps(desk: Desk) -> None:
        await line(desk, "agreement end", partner="nord")
        assert not (await line(desk, "agreement show", partner="nord", with_party="SE*RET")).holds

    steps(desk)


@pytest.mark.parametrize(
    ("values", "kind", "pointer", "says"),
    [
        ({"partner": "west"}, Kind.MISSING, "", "there is no partner"),
        ({"with_party": "SE*OTH"}, Kind.MISSING, "/with_party", "does not speak for SE*OTH"),
        ({"with_party": "x"}, Kind.USAGE, "/with_party", "not a party id"),
        ({"sends": ["coffee"]}, Kind.USAGE, "/sends", "no module: 'coffee'"),
        ({"receives": ["all", "tokens"]}, Kind.USAGE, "/receives", "no module: 'all'"),
        ({"location": ["L1"]}, Kind.USAGE, "/places", "not whether they alone are seen"),
        ({"places": "ALL", "country": ["SWE"]}, Kind.USAGE, "/places", "none is to be named"),
        ({"places": "LISTED", "location": ["L9"]}, Kind.MISSING, "", "no location 'L9'"),
        ({"tariff": ["T9"]}, Kind.MISSING, "", "no tariff 'T9'"),
        ({"tariff": ["T2@"]}, Kind.USAGE, "/tariff", "not a partner's tariff"),
        ({"tariff": ["T2@L9"]}, Kind.MISSING, "", "no location 'L9'"),
        ({"tariff": ["T1"]}, Kind.CONFLICT, "/tariff", "everybody's at location L1"),
        (
            {"valid_from": "2026-03-02T00:00:00Z", "valid_to": "2026-03-01T00:00:00Z"},
            Kind.USAGE,
            "/valid_to",
            "before it begins",
        ),
    ],
)
def test_what_cannot_be_agreed_is_refused_and_nothing_is_said(
    desk: Desk, values: dict[str, Any], kind: Kind, pointer: str, says: str
) -> None:
    @scene
    async def steps(desk: Desk) -> None:
        refused = await done(desk, "agreement set", **({"partner": "nord"} | values))
        assert isinstance(refused, Refusal)
        assert (refused.kind, refused.pointer) == (kind, pointer)
        assert says in refused.says
        assert await desk.spine.facts(agreement_stream(ELS, "nord")) == []

    steps(desk)


def test_an_agreement_reads_for_people(desk: Desk) -> None:
    @scene
    async def steps(desk: Desk) -> None:
        values: dict[str, object] = {
            "partner": "nord",
            "sends": ["locations"],
            "places": "LISTED",
            "country": ["SWE"],
            "tariff": ["T2@L1"],
            "most_energy_wh": 1000,
            "valid_to": "2027-01-01T00:00:00Z",
        }
        found = await line(desk, "agreement set", **values)
        verb = verb_named("agreement set")
        assert verb is not None
        assert verb.show is not None
        text = verb.show(found)
        for part in ("we send      locations", "listed locations: SWE", "T2 at L1", "1000 Wh", "2027-01-01"):
            assert part in text

    steps(desk)


async def _listed(desk: Desk) -> tuple[AgreementLine, ...]:
    lines: Any = await done(desk, "agreement list", partner="nord")
    return tuple(lines)
