"""Tariffs at the desk: quoted before a session, checked, tried on last month's sessions, and explained after."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from desk_book import StepClock, done

from elstrada.billing.called_off import NOTE
from elstrada.model import facts as f
from elstrada.model.cdr import Cdr, CdrLocation
from elstrada.model.cost import Price
from elstrada.model.facts import CdrIssued, CdrReissued, CdrTakenBack
from elstrada.model.ids import PartyId, cdr_stream, station_stream
from elstrada.model.location import GeoLocation
from elstrada.model.party import BusinessDetails, PartyRole, Peer, PeerState, Role
from elstrada.model.quantity import MeterSample
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Tariff
from elstrada.model.token import AuthMethod, TokenIdentity
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.table import verb_named
from elstrada.roles.desk.tariff_files import OcpiVersion, read_tariff, version_of
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Work
from elstrada.tariffs.compile import compiled
from elstrada.tariffs.price import price
from elstrada.tariffs.segment import split
from elstrada.tariffs.usage import usage_of

ELS, RET = PartyId("SE", "ELS"), PartyId("SE", "RET")
NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)


def component(kind: str = "ENERGY", price: float = 3.6, **more: object) -> dict[str, Any]:
    return {"type": kind, "price": price, "vat": 25, "step_size": 1, **more}


def document(id: str = "T1", *elements: dict[str, Any], **more: object) -> dict[str, Any]:
    """A tariff as OCPI 2.2.1 has it."""
    chosen = elements or ({"price_components": [component()]},)
    return {"id": id, "currency": "SEK", "elements": list(chosen), **more}


LOCATION: dict[str, Any] = {
    "id": "L1",
    "publish": True,
    "address": "Storgatan 1",
    "city": "Umeå",
    "country": "SWE",
    "coordinates": {"latitude": "63.82500", "longitude": "20.26300"},
    "time_zone": "Europe/Stockholm",
    "evses": [
        {
            "uid": "E1",
            "evse_id": "SE*ELS*E1",
            "status": "AVAILABLE",
            "last_updated": "2026-01-01T00:00:00Z",
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 230,
                    "max_amperage": 32,
                    "tariff_ids": ["AD-HOC", "T1"],
                    "last_updated": "2026-01-01T00:00:00Z",
                }
            ],
        }
    ],
}


def as_file(value: object) -> str:
    return msgspec.to_builtins(json.dumps(value).encode())


def scene(steps: Callable[[Desk], Awaitable[None]], desk: Desk) -> None:
    """With a station on a connector of two tariffs, and a third one beside."""

    async def all_of_it() -> None:
        await done(desk, "party put", party="SE*ELS", roles=["CPO"], name="Nord", currency="SEK")
        await done(desk, "location put", file=as_file(LOCATION))
        await done(desk, "tariff put", file=as_file(document()))
        ad_hoc = document("AD-HOC", {"price_components": [component(price=6)]}, type="AD_HOC_PAYMENT")
        await done(desk, "tariff put", file=as_file(ad_hoc))
        own = document("OWN", {"price_components": [component(price=1)]})
        await done(desk, "tariff put", file=as_file(own))
        await done(desk, "station add", station="S1", place=["1=L1/E1"])
        await steps(desk)

    asyncio.run(all_of_it())


def refusal(answer: object, kind: Kind) -> Refusal:
    assert isinstance(answer, Refusal), answer
    assert answer.kind is kind, answer
    return answer


def shown(name: str, result: Any) -> str:
    verb = verb_named(name)
    assert verb is not None
    assert verb.show is not None
    return verb.show(result)


# --- quote ------------------------------------------------------------------------------------------


async def known_token(desk: Desk, uid: str, party: PartyId) -> None:
    identity = TokenIdentity(party=party, uid=uid, type="RFID", contract_id="C1")
    key = {"owner": str(ELS), "ref": desk.keys.token_ref(uid), "party": str(party)}
    await desk.spine.commit(
        Work(writes=(Put(t.identity, {**key, "document": msgspec.json.encode(identity).decode()}),))
    )


def test_a_quote_at_a_station_is_by_the_tariff_that_its_session_would_have(desk: Desk) -> None:
    """A17: ad hoc for nobody's contract; a token's own tariff, or its party's, before the connector's."""

    async def steps(desk: Desk) -> None:
        async def tariff(**values: object) -> str:
            told: Any = await done(desk, "tariff quote", station="S1", **values)
            return told.quote.tariff

        assert await tariff() == "SE*ELS*AD-HOC"
        assert await tariff(token="04AA") == "SE*ELS*AD-HOC"
        await known_token(desk, "04AA", ELS)
        assert await tariff(token="04AA") == "SE*ELS*T1"
        await done(desk, "token tariff", uid="04AA", tariff="OWN")
        assert await tariff(token="04AA") == "SE*ELS*OWN"
        assert await tariff(token="04AA", evse=1, connector=1) == "SE*ELS*OWN"

    scene(steps, desk)


def test_a_partners_token_is_quoted_what_is_agreed_with_its_party(desk: Desk, clock: StepClock) -> None:
    async def steps(desk: Desk) -> None:
        roles = (PartyRole(RET, Role.EMSP, BusinessDetails("R")),)
        peer = Peer(owner=ELS, id="ret", state=PeerState.ACTIVE, roles=roles, changed_at=clock.at)
        row = {"owner": str(ELS), "peer_id": "ret", "state": "ACTIVE", "changed_at": clock.at}
        await desk.spine.commit(
            Work(writes=(Put(t.peer, {**row, "document": msgspec.json.encode(peer).decode()}),))
        )
        await known_token(desk, "04BB", RET)
        told: Any = await done(desk, "tariff quote", station="S1", token="04BB")
        assert told.quote.tariff == "SE*ELS*T1"
        await done(desk, "agreement set", partner="ret", with_party="SE*RET", tariff=["OWN@L1"])
        told = await done(desk, "tariff quote", station="S1", token="04BB")
        assert told.quote.tariff == "SE*ELS*OWN"
        await done(
            desk, "agreement set", partner="ret", with_party="SE*RET", places="EXCLUDED", location=["L1"]
        )
        answer = await done(desk, "tariff quote", station="S1", token="04BB")
        assert "may not charge there" in refusal(answer, Kind.CONFLICT).says

    scene(steps, desk)


def test_a_quote_and_an_estimate_are_told_in_the_language_asked_for(desk: Desk) -> None:
    async def steps(desk: Desk) -> None:
        asked: dict[str, object] = {"tariff": "T1", "energy_wh": 10_000, "power_w": 11_000, "language": "sv"}
        told: Any = await done(desk, "tariff quote", **asked, at="2026-03-01T12:00:00Z")
        assert told.quote.time_zone == "Europe/Stockholm"
        assert told.estimate.cost.total.before_taxes == Decimal("36.00")
        assert shown("tariff quote", told).splitlines() == [
            "Priser 2026-03-01 13:00 (Europe/Stockholm) enligt tariff SE*ELS*T1",
            "Energi: 4,50 SEK med 25 % skatt (3,60 utan) per kWh",
            "Debiteras inte: laddtid, startavgift, parkering",
            "Uppskattning: 10 kWh på 0:54:33",
            "2026-03-01 13:00  10 kWh à 3,60 SEK/kWh = 36,00 SEK, moms 25 %",
            "    enligt tariff T1, element 1",
            "Summa före skatt: 36,00 SEK",
            "moms 25 %: 9,00 SEK",
            "Att betala: 45,00 SEK",
        ]

    scene(steps, desk)


@pytest.mark.parametrize(
    ("values", "kind", "says"),
    [
        ({}, Kind.USAGE, "either a tariff or --station"),
        ({"tariff": "T1", "station": "S1"}, Kind.USAGE, "either a tariff or --station"),
        ({"tariff": "OWN"}, Kind.USAGE, "counts in no place yet"),
        ({"tariff": "OWN", "time_zone": "Europe/Atlantis"}, Kind.CONFLICT, "no time zone"),
        ({"tariff": "T1", "token": "04"}, Kind.USAGE, "belong to a station"),
        ({"station": "S1", "time_zone": "UTC"}, Kind.USAGE, "has its time zone"),
        ({"station": "S9"}, Kind.CONFLICT, "S9"),
        ({"station": "S1", "evse": 9}, Kind.CONFLICT, "EVSE 9"),
        ({"tariff": "T1", "power_w": 9}, Kind.USAGE, "how much it charges"),
        ({"tariff": "T1", "energy_wh": 9}, Kind.USAGE, "--duration-s or --power-w"),
        ({"tariff": "T1", "energy_wh": 9, "duration_s": 0}, Kind.USAGE, "energy takes time"),
    ],
)
def test_what_cannot_be_quoted_is_refused(
    desk: Desk, values: dict[str, object], kind: Kind, says: str
) -> None:
    async def steps(desk: Desk) -> None:
        assert says in refusal(await done(desk, "tariff quote", **values), kind).says

    scene(steps, desk)


# --- check ------------------------------------------------------------------------------------------

STEPPED = {"price_components": [component("TIME", 6, step_size=60), component("PARKING_TIME", 60)]}


def test_a_tariff_file_is_checked_and_a_hint_alone_fails_nothing(desk: Desk) -> None:
    verb = verb_named("tariff check")
    assert verb is not None
    fails = verb.fails
    assert fails is not None

    async def steps(desk: Desk) -> None:
        told: Any = await done(desk, "tariff check", file=as_file(document("T9", STEPPED)), language="it")
        (line,) = told.findings
        assert (line.code, line.severity, line.place) == (
            "time-step-inert",
            "WARNING",
            "elements[0].price_components[0].step_size",
        )
        assert shown("tariff check", told).startswith(
            "avviso time-step-inert in elements[0].price_components[0]"
        )
        assert fails(told)
        told = await done(desk, "tariff check", tariff="T1")
        assert told.findings == ()
        assert shown("tariff check", told) == "Nothing to say against tariff SE*ELS*T1."
        told = await done(desk, "tariff check", tariff="OWN")
        assert [line.code for line in told.findings] == ["unused"]
        assert not fails(told)

    scene(steps, desk)


@pytest.mark.parametrize("by", ["token", "connector"])
def test_a_tariff_that_a_token_or_a_connector_has_is_used(desk: Desk, by: str) -> None:
    async def steps(desk: Desk) -> None:
        if by == "token":
            await done(desk, "token tariff", uid="04AA", tariff="OWN")
        told: Any = await done(desk, "tariff check", tariff="OWN" if by == "token" else "AD-HOC")
        assert told.findings == ()

    scene(steps, desk)


def test_what_is_odd_is_told_when_it_is_put_and_refuses_nothing(desk: Desk) -> None:
    async def steps(desk: Desk) -> None:
        told: Any = await done(desk, "tariff put", file=as_file(document("T9", STEPPED)))
        assert [line.code for line in told.findings] == ["time-step-inert"]
        assert "warning time-step-inert at elements[0].price_components[0].step_size: " in shown(
            "tariff put", told
        )
        again: Any = await done(desk, "tariff put", file=as_file(document("T9", STEPPED, country_code="se")))
        assert [line.code for line in again.findings] == ["country-code", "time-step-inert"]

    scene(steps, desk)


def test_a_price_from_a_later_day_on_takes_no_todays_price_from_a_connector(
    desk: Desk, clock: StepClock
) -> None:
    """Sessions until then would have no price: the record has one form of a tariff at a time."""
    later = (clock.now() + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def steps(desk: Desk) -> None:
        clock.step(hours=1)
        answer = await done(desk, "tariff put", file=as_file(document("T1", start_date_time=later)))
        refused = refusal(answer, Kind.CONFLICT)
        assert f"tariff T1 is used now, and would count only from {later[:10]}" in refused.says
        assert "another id" in refused.hint
        told: Any = await done(desk, "tariff check", tariff="T1")
        assert told.findings == ()
        # One that nothing refers to, and one that is new, may be of the future.
        for name in ("OWN", "NEW"):
            await done(desk, "tariff put", file=as_file(document(name, start_date_time=later)))

    scene(steps, desk)


OLD = {
    "id": "T1",
    "currency": "SEK",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 3, "step_size": 1}]}],
}


@pytest.mark.parametrize(
    ("wire", "version"),
    [
        (OLD, OcpiVersion.V211),
        (document(), OcpiVersion.V221),
        ({**OLD, "type": "REGULAR"}, OcpiVersion.V221),
        ({**OLD, "tax_included": "NO"}, OcpiVersion.V230),
    ],
)
def test_a_file_of_any_version_is_read_by_its_fields(
    desk: Desk, wire: dict[str, Any], version: OcpiVersion
) -> None:
    assert version_of(wire) is version

    async def steps(desk: Desk) -> None:
        read = await read_tariff(desk, json.dumps(wire).encode(), None)
        assert (read.version, read.tariff.id, read.tariff.party) == (version, "T1", ELS)
        foreign = {**wire, "country_code": "DE", "party_id": "ABC"}
        read = await read_tariff(desk, json.dumps(foreign).encode(), None, version_of(foreign))
        assert str(read.tariff.party) == "DE*ABC"
        told: Any = await done(
            desk, "tariff check", file=as_file({**wire, "country_code": "SWE", "party_id": "ELS"})
        )
        assert [line.code for line in told.findings] == ["country-code"]

    scene(steps, desk)


# --- simulate ---------------------------------------------------------------------------------------


def tariff_of(wire: dict[str, Any]) -> Tariff:
    party = {"country_code": "SE", "party_id": "ELS"}
    return msgspec.convert(
        {**wire, "party": party, "last_updated": "2026-01-01T00:00:00Z"}, Tariff, strict=False
    )


def cdr(number: int, *, start: datetime = NOON, tariff: Tariff, **more: Any) -> Cdr:
    """An hour with 10 kWh and an hour of parking, priced by its tariff."""
    hour = timedelta(hours=1)
    bare = Cdr(
        party=ELS, id=f"CDR{number}", start_date_time=start, end_date_time=start + 2 * hour,
        session_id=f"X{number}", token_ref="r", token_party=RET, auth_method=AuthMethod.WHITELIST,
        cdr_location=PLACE, time_zone="Europe/Stockholm", currency="SEK", tariffs=(tariff,),
        charging_periods=(
            ChargingPeriod(
                start, (PeriodDimension("ENERGY", Decimal(10)), PeriodDimension("TIME", Decimal(1)))
            ),
            ChargingPeriod(start + hour, (PeriodDimension("PARKING_TIME", Decimal(1)),)),
        ),
        total_cost=Price(Decimal(0)), total_energy=Decimal(10), total_time=Decimal(2), last_updated=start,
    )  # fmt: skip
    bare = msgspec.structs.replace(bare, charging_periods=split(usage_of(bare), compiled(tariff)))
    return msgspec.structs.replace(bare, total_cost=price(usage_of(bare), [tariff]).total, **more)


PLACE = CdrLocation(
    id="L1", address="Storgatan 1", city="Umeå", country="SWE",
    coordinates=GeoLocation("63.82500", "20.26300"), evse_uid="E1", evse_id="SE*ELS*E1", connector_id="1",
    connector_standard="IEC_62196_T2", connector_format="SOCKET", connector_power_type="AC_3_PHASE",
)  # fmt: skip


async def issued(desk: Desk, *cdrs: Cdr, note: str = "") -> None:
    for one in cdrs:
        notes = (note,) if note else ()
        cost = msgspec.structs.replace(
            price(usage_of(msgspec.structs.replace(one, currency="SEK")), one.tariffs),
            currency=one.currency,
            notes=notes,
        )
        await desk.spine.commit(Work((Append(cdr_stream(ELS, ELS, one.id), 0, (CdrIssued(one, cost),)),)))


T1, OWN = tariff_of(document()), tariff_of(document("OWN"))
NEW = document(
    "NEW",
    {
        "price_components": [component(price=2)],
        "restrictions": {"start_time": "13:30", "end_time": "00:00"},
    },
    {"price_components": [component(price=4), component("PARKING_TIME", 3)]},
    start_date_time="2026-06-01T00:00:00Z",
)
"""Valid from June; 4 per kWh to 13:30 of local time and 2 after, and 3 for an hour of parking."""


def test_last_months_sessions_are_priced_by_another_tariff_and_cut_anew(desk: Desk, clock: StepClock) -> None:
    """Rule 18: NOON is 13:00 in Stockholm, so half of the energy comes at each price."""

    async def steps(desk: Desk) -> None:
        clock.at = NOON + timedelta(hours=3)
        await issued(desk, cdr(1, tariff=T1), cdr(2, tariff=OWN, start=NOON - timedelta(hours=3)))
        clock.at = datetime(2026, 3, 9, tzinfo=UTC)
        await issued(desk, cdr(3, tariff=T1, start=datetime(2026, 3, 1, tzinfo=UTC)))
        told: Any = await done(desk, "tariff simulate", file=as_file(NEW))
        assert (told.month, told.sessions, told.priced, told.tariff) == ("2026-02", 2, 2, "SE*ELS*NEW")
        assert [(one.cdr_id, one.old.before_taxes, one.new.before_taxes) for one in told.lines] == [
            ("CDR2", Decimal("36.00"), Decimal("43.00")),
            ("CDR1", Decimal("36.00"), Decimal("33.00")),
        ]
        assert (told.old_before_taxes, told.new_before_taxes) == (Decimal("72.00"), Decimal("76.00"))
        assert (told.old_after_taxes, told.new_after_taxes) == (Decimal("90.00"), Decimal("95.00"))
        assert shown("tariff simulate", told).splitlines() == [
            "2026-02: 2 of 2 sessions by SE*ELS*NEW in SEK",
            "Before tax: 72.00 were asked, 76.00 would be: +4.00",
            "With tax: 90.00 were asked, 95.00 would be: +5.00",
            "  CDR2: 36.00 -> 43.00 (+7.00)",
            "  CDR1: 36.00 -> 33.00 (-3.00)",
        ]
        only: Any = await done(desk, "tariff simulate", file=as_file(NEW), instead_of="OWN")
        assert [one.cdr_id for one in only.lines] == ["CDR2"]
        later: Any = await done(desk, "tariff simulate", file=as_file(NEW), month="2026-03")
        assert [one.cdr_id for one in later.lines] == ["CDR3"]

    scene(steps, desk)


def test_sessions_that_cannot_be_priced_are_told_with_the_reason_and_count_in_no_sum(
    desk: Desk, clock: StepClock
) -> None:
    async def steps(desk: Desk) -> None:
        clock.at = NOON + timedelta(hours=3)
        credit = cdr(3, tariff=T1, credit=True, credit_reference_id="CDR1")
        await issued(desk, cdr(1, tariff=T1), cdr(2, tariff=T1, currency="EUR"), credit)
        told: Any = await done(desk, "tariff simulate", file=as_file(NEW), month="2026-02", limit=1)
        assert (told.sessions, told.priced, told.unpriced) == (3, 1, 2)
        assert len(told.lines) == len(told.unpriced_lines) == 1
        told = await done(desk, "tariff simulate", file=as_file(NEW), month="2026-02")
        reasons = {one.cdr_id: one.reason for one in told.unpriced_lines}
        assert reasons["CDR2"] == "it is in EUR, tariff SE*ELS*NEW in SEK; nothing is converted"
        assert reasons["CDR3"] == "it credits CDR CDR1"
        assert told.new_before_taxes == Decimal("33.00")
        assert "Without a price by it: 2" in shown("tariff simulate", told)

    scene(steps, desk)


def test_a_session_whose_cdr_was_credited_and_reissued_is_simulated_once(
    desk: Desk, clock: StepClock
) -> None:
    async def steps(desk: Desk) -> None:
        clock.at = NOON + timedelta(hours=3)
        credit = cdr(3, tariff=T1, credit=True, credit_reference_id="CDR1")
        await issued(desk, cdr(1, tariff=T1), credit, cdr(2, tariff=T1))
        facts = (CdrTakenBack("CDR3", "wrong", "anna"), CdrReissued("CDR2", "anna"))
        await desk.spine.commit(Work((Append(cdr_stream(ELS, ELS, "CDR1"), 1, facts),)))
        told: Any = await done(desk, "tariff simulate", file=as_file(NEW), month="2026-02")
        assert (told.priced, told.new_before_taxes) == (1, Decimal("33.00"))
        reasons = {one.cdr_id: one.reason for one in told.unpriced_lines}
        assert reasons == {"CDR1": "CDR CDR3 gives it back", "CDR3": "it credits CDR CDR1"}

    scene(steps, desk)


def test_a_session_that_was_called_off_stays_free(desk: Desk, clock: StepClock) -> None:
    async def steps(desk: Desk) -> None:
        clock.at = NOON + timedelta(hours=3)
        await issued(desk, cdr(1, tariff=T1), note=NOTE)
        told: Any = await done(desk, "tariff simulate", file=as_file(NEW), month="2026-02")
        assert told.new_before_taxes == Decimal("0.00")

    scene(steps, desk)


def test_a_tariff_that_cannot_be_used_simulates_nothing(desk: Desk) -> None:
    async def steps(desk: Desk) -> None:
        wrong = document("X", {"price_components": [component()], "restrictions": {"start_time": "25:99"}})
        assert "25:99" in refusal(await done(desk, "tariff simulate", file=as_file(wrong)), Kind.INVALID).says
        answer = await done(desk, "tariff simulate", file=as_file(NEW), instead_of="NONE")
        assert refusal(answer, Kind.MISSING).says == "there is no tariff 'NONE' of SE*ELS"

    scene(steps, desk)


# --- explain ----------------------------------------------------------------------------------------


def test_an_explanation_names_tariff_element_component_quantities_and_reasons(
    desk: Desk, clock: StepClock
) -> None:
    """Acceptance 3 of the rules of prices."""
    stepped = tariff_of(
        document(
            "T5",
            {
                "price_components": [component("PARKING_TIME", 60, step_size=7200)],
                "restrictions": {"min_duration": 3600},
            },
            {"price_components": [component("FLAT", 5), component(price=4)]},
        )
    )

    async def steps(desk: Desk) -> None:
        clock.at = NOON + timedelta(hours=3)
        await issued(desk, cdr(1, tariff=stepped))
        told: Any = await done(desk, "cdr explain", cdr="CDR1", language="it")
        shown_steps = [
            (one.tariff, one.element, one.component, one.dimension, one.unit, one.measured, one.billed)
            for one in told.steps
        ]
        assert shown_steps == [
            ("SE*ELS*T5", 1, 0, "FLAT", "once", 1, 1),
            ("SE*ELS*T5", 1, 1, "ENERGY", "kWh", 10, 10),
            ("SE*ELS*T5", 0, 0, "PARKING_TIME", "h", 1, 2),
        ]
        assert told.steps[0].reasons[1] == "addebitato una volta per ricarica"
        assert told.steps[1].reasons == (
            "il primo prezzo della tariffa per questo, senza condizioni",
            "addebitato come misurato",
        )
        assert told.steps[2].reasons == (
            "il primo prezzo della tariffa per questo con le condizioni soddisfatte: dopo 60 min",
            "scatti di 7200 s: 3600 -> 7200 s",
        )
        assert (
            "10/02/2026 14:00  2:00:00 di sosta a 60,00 SEK/h = 120,00 SEK, IVA 25 % (scatti di 7200 s: 3600 -> 7200 s)"
            in told.lines
        )
        assert "    secondo la tariffa T5, elemento 1: dopo 60 min" in told.lines

    scene(steps, desk)


async def recorded(desk: Desk, *facts: f.StationFact) -> None:
    stream = station_stream(ELS, "S1")
    version = await desk.spine.version(stream)
    await desk.spine.commit(Work((Append(stream, version, facts),)))


def test_a_session_that_runs_tells_its_cost_so_far_in_the_same_form(desk: Desk, clock: StepClock) -> None:
    async def steps(desk: Desk) -> None:
        began = clock.at
        start = f.SessionStarted("s1", "7", "k", 1, 1, began, meter_wh=1_000)
        await recorded(desk, start)
        card: Any = await done(desk, "session show", session="s1")
        assert (card.priced, card.unpriced) == (None, None)  # Nothing was measured yet.
        clock.step(minutes=30)
        sample = MeterSample(began + timedelta(minutes=30), energy_wh=6_000)
        await recorded(desk, f.MeterSampled(1, 1, (sample,), session_id="s1", energy_wh=5_000))
        card = await done(desk, "session show", session="s1", language="sv")
        assert card.cost_before_taxes is None  # That is for its CDR to say.
        assert card.priced.cost.total.before_taxes == Decimal("30.00")
        assert card.priced.until == clock.at
        assert [(one.tariff, one.billed) for one in card.priced.steps] == [("SE*ELS*AD-HOC", 5)]
        told = shown("session show", card).splitlines()
        at = told.index("Hittills, till 2026-03-01 13:30:")
        assert told[at + 1] == "2026-03-01 13:00  5 kWh à 6,00 SEK/kWh = 30,00 SEK, moms 25 %"
        assert "Att betala: 37,50 SEK" in told

    scene(steps, desk)


def test_a_running_session_counts_on_over_a_register_that_rolled_over(desk: Desk, clock: StepClock) -> None:
    """Pricing 5.2, by the same reading of its register as the station's gateway has."""

    async def steps(desk: Desk) -> None:
        began = clock.at
        clock.step(minutes=30)
        sample = MeterSample(began + timedelta(minutes=30), energy_wh=3_000)
        await recorded(
            desk,
            f.SessionStarted("s1", "7", "k", 1, 1, began, meter_wh=99_998_000),
            f.MeterSampled(1, 1, (sample,), session_id="s1", energy_wh=5_000),
        )
        card: Any = await done(desk, "session show", session="s1")
        assert card.priced.cost.total.before_taxes == Decimal("30.00")
        assert not any("out of line" in note for note in card.priced.cost.notes)

    scene(steps, desk)


def test_a_session_without_a_price_says_why(desk: Desk, clock: StepClock) -> None:
    async def steps(desk: Desk) -> None:
        await done(desk, "station add", station="S2")
        began, stream = clock.at, station_stream(ELS, "S2")
        sample = MeterSample(began, energy_wh=6_000)
        facts = (
            f.SessionStarted("s2", "7", "k", 1, 1, began, meter_wh=1_000),
            f.MeterSampled(1, 1, (sample,), session_id="s2", energy_wh=5_000),
        )
        await desk.spine.commit(Work((Append(stream, await desk.spine.version(stream), facts),)))
        card: Any = await done(desk, "session show", session="s2")
        assert "has no place" in card.unpriced
        assert f"no price: {card.unpriced}" in shown("session show", card)

    scene(steps, desk)


def test_a_finished_session_tells_the_steps_of_its_cdr(desk: Desk, clock: StepClock) -> None:
    async def steps(desk: Desk) -> None:
        await recorded(
            desk,
            f.SessionStarted("CDR1", "7", "k", 1, 1, NOON, meter_wh=0),
            f.SessionEnded("CDR1", NOON + timedelta(hours=2), energy_wh=10_000),
        )
        await issued(desk, cdr(1, tariff=T1))
        card: Any = await done(desk, "session show", session="CDR1", language="it")
        explained: Any = await done(desk, "cdr explain", cdr="CDR1", language="it")
        assert card.priced.lines == explained.lines
        assert card.priced.steps == explained.steps
        assert card.priced.until is None

    scene(steps, desk)
