"""Each check of a CDR with cases that pass and cases that fail: V01 to V52."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from scenes import CONNECTOR, CPO, EMSP, EVENING, LOCATION, MINUTE, START, ZONE, an_hour, component, issue
from scenes import HOUR as AN_HOUR

from elstrada.billing.checks.face import (
    Check,
    Credited,
    Known,
    Neighbour,
    Retail,
    connector_in,
)
from elstrada.billing.checks.price import differences
from elstrada.billing.trace import trace
from elstrada.billing.validate import (
    CHECKS,
    NUMBERS,
    Examined,
    Finding,
    examine,
    fraud_score,
    is_refused,
    may_be_billed,
)
from elstrada.model.cdr import Cdr, SignedData, SignedValue
from elstrada.model.cost import Cost, CostLine, Price, TaxAmount
from elstrada.model.examination import Severity, Thresholds
from elstrada.model.location import EvseStatus, GeoLocation
from elstrada.model.session import ChargingPeriod, PeriodDimension, Session, SessionStatus
from elstrada.model.signed import SignatureStatus, SignedCheck
from elstrada.model.tariff import Dimension, PriceLimit, TariffElement
from elstrada.model.token import AuthMethod, Whitelist

NOW = START + 90 * MINUTE
FINE = Known(token=True, now=NOW, content_hash="a")
"""A receiver who knows next to nothing."""
PRICE = Decimal(56)
KWH = PeriodDimension("ENERGY", Decimal(1))
SIGNED = SignedData("OCMF", (SignedValue("Start", "plain", "signed"),))
REGISTERS = SignedCheck(
    status=SignatureStatus.VERIFIED, register_start=Decimal(100), register_end=Decimal(111)
)
CHANGED = SignedCheck(status=SignatureStatus.NOT_MATCHING, wrong="the signature is not genuine")
UNREAD = SignedCheck(status=SignatureStatus.UNVERIFIED, unverified="EDL40 has no verifier")
COST = issue(trace(AN_HOUR))[1]
"""What its tariff gives."""
HERE = LOCATION.coordinates
THERE = GeoLocation("59.3293", "18.0686")
"""Stockholm, 500 km from Ystad."""
SESSION = Session(
    party=CPO,
    id="s1",
    start_date_time=START,
    kwh=Decimal(11),
    token_ref="ref",
    token_party=EMSP,
    auth_method=AuthMethod.AUTH_REQUEST,
    location_id="L1",
    evse_uid="E1",
    connector_id="1",
    currency="SEK",
    total_cost=COST.total,
    status=SessionStatus.COMPLETED,
    last_updated=NOW,
)


def neighbour(begin: int, end: int, **fields: object) -> Neighbour:
    """A CDR of the same EVSE, from and to minutes after the session's start."""
    told: dict[str, object] = {
        "party": str(CPO),
        "cdr_id": "n",
        "start": START + begin * MINUTE,
        "end": START + end * MINUTE,
        "energy": Decimal("7.5"),
        "location_id": "L1",
        "evse_uid": "E1",
        "connector_id": "1",
        "coordinates": HERE,
    }
    return msgspec.convert(msgspec.to_builtins(told | fields), Neighbour, strict=False)


EARLIER = neighbour(-120, -60)
AWAY = neighbour(-120, -60, party="DE*XYZ", location_id="X", coordinates=THERE)
FULL = msgspec.structs.replace(
    FINE,
    whitelist=Whitelist.ALLOWED,
    cost=COST,
    retail=Retail(net=Decimal(60), currency="SEK"),
    vat_percent=Decimal(25),
    zone=ZONE,
    place=LOCATION,
    places=True,
    tariffs_then=(EVENING,),
    session=SESSION,
    sessions=True,
    of_token=(EARLIER,),
    at_evse=(EARLIER,),
    month_kwh=Decimal(0),
    sender_may=True,
    reference_given=True,
    reserved=True,
    signed=REGISTERS,
)
"""A receiver who knows all that can be known."""


def known(**fields: object) -> Known:
    return msgspec.structs.replace(FINE, **fields)


def full(**fields: object) -> Known:
    return msgspec.structs.replace(FULL, **fields)


def limits(**fields: object) -> Known:
    return full(limits=Thresholds(**fields))  # type: ignore[arg-type]


def priced(cost: Decimal) -> Cost:
    return Cost(currency="SEK", total=Price(cost))


def changed(**fields: object) -> Cdr:
    return msgspec.structs.replace(an_hour(), **fields)


def placed(**fields: object) -> Cdr:
    return changed(cdr_location=msgspec.structs.replace(an_hour().cdr_location, **fields))


def with_periods(*periods: ChargingPeriod) -> Cdr:
    energy = sum((d.volume for p in periods for d in p.dimensions if d.type == "ENERGY"), Decimal(0))
    return changed(charging_periods=periods, total_energy=energy)


def with_tariff(**fields: object) -> Cdr:
    return changed(tariffs=(msgspec.structs.replace(EVENING, **fields),))


def asking(cost: Price) -> Cdr:
    return changed(total_cost=cost)


def taxed(amount: str, percentage: str | None = "25") -> Price:
    rate = None if percentage is None else Decimal(percentage)
    return Price(Decimal(56), (TaxAmount("VAT", Decimal(amount), rate),))


PLAIN = changed(signed_data=SIGNED)
ORIGINAL = an_hour()
CREDIT = changed(
    id="k1",
    credit=True,
    credit_reference_id=ORIGINAL.id,
    total_cost=Price(
        -ORIGINAL.total_cost.before_taxes,
        tuple(TaxAmount(tax.name, -tax.amount, tax.percentage) for tax in ORIGINAL.total_cost.taxes or ()),
    ),
)
BY_NIGHT = msgspec.structs.replace(
    EVENING,
    elements=(
        TariffElement((component(Dimension.ENERGY, "4", step_size=5_000),)),
        TariffElement((component(Dimension.PARKING_TIME, "30"),)),
    ),
)
STEPPED = Cost(
    currency="SEK",
    total=Price(Decimal(60)),
    energy=Price(Decimal(60)),
    lines=(
        CostLine(
            dimension="ENERGY",
            start=START,
            tariff_id="T",
            element=0,
            quantity=Decimal(15),
            measured=Decimal(11),
            unit_price=Decimal(4),
            amount=Decimal(60),
        ),
    ),
)
HARDLY_STEPPED = msgspec.structs.replace(
    STEPPED,
    lines=(
        msgspec.structs.replace(
            STEPPED.lines[0], quantity=Decimal("15.000000001"), measured=Decimal("14.9975")
        ),
    ),
)
"""Just over a cent apart, and 60 is what the steps come to."""
RESERVED_TOO = msgspec.structs.replace(
    STEPPED, lines=(*STEPPED.lines, msgspec.structs.replace(STEPPED.lines[0], reserved=True))
)
"""What was reserved costs as much again, and is no part of the session's energy."""
FREE = msgspec.structs.replace(EVENING, elements=(TariffElement((component(Dimension.ENERGY, "4"),)),))
SPANNED = msgspec.structs.replace(COST, notes=("period_spans_price_change: a price changes at noon (A1)",))
HIDDEN = msgspec.structs.replace(LOCATION, publish=False)
REMOVED = msgspec.structs.replace(
    LOCATION,
    evses=(
        msgspec.structs.replace(LOCATION.evses[0], status=EvseStatus.REMOVED, last_updated=START - MINUTE),
    ),
)
RESERVED = changed(total_reservation_cost=Price(Decimal(1)))
ONE_PERIOD = with_periods(
    ChargingPeriod(START, (PeriodDimension("ENERGY", Decimal(11)), PeriodDimension("TIME", Decimal(1))))
)
NO_PARTS = msgspec.structs.replace(
    an_hour(), total_energy_cost=None, total_time_cost=None, total_parking_cost=None, total_fixed_cost=None
)
PARKED = changed(
    charging_periods=(
        ChargingPeriod(
            START, (PeriodDimension("ENERGY", Decimal(11)), PeriodDimension("TIME", Decimal("0.5")))
        ),
        ChargingPeriod(START + 30 * MINUTE, (PeriodDimension("PARKING_TIME", Decimal("0.5")),)),
    ),
    total_parking_time=Decimal("0.5"),
)
MANY = tuple(neighbour(-n, -n + 1, cdr_id=f"n{n}") for n in range(2, 40))
WHOLE = tuple(neighbour(-n * 60, -n * 60 + 30, energy="7") for n in range(1, 7))

FAILING: Sequence[tuple[str, Cdr, Known, str]] = [
    ("V01", an_hour(), known(content_hash="a", earlier_hash="b"), "other content"),
    ("V02", an_hour(), known(billed_as="c0"), "by CDR 'c0'"),
    ("V03", an_hour(), full(of_token=(neighbour(30, 90, evse_uid="E2"),)), "at the same time"),
    ("V04", an_hour(), full(at_evse=(neighbour(59, 90),)), "same connector"),
    ("V05", an_hour(), full(of_token=(AWAY,)), "km from DE*XYZ X/E1"),
    ("V05", an_hour(), full(of_token=(neighbour(120, 180, coordinates=THERE),)), "3600 s apart"),
    ("V06", changed(end_date_time=START - MINUTE), FINE, "before start"),
    ("V06", changed(end_date_time=START), FINE, "same instant"),
    ("V07", an_hour(), known(now=START + 54 * MINUTE), "more than 5 minutes"),
    ("V07", changed(start_date_time=NOW + 6 * MINUTE), FINE, "more than 5 minutes"),
    ("V07", changed(start_date_time=START.replace(year=1970, month=1, day=1)), FINE, "1970-01-01"),
    ("V08", an_hour(), known(now=NOW + timedelta(days=91)), "91 days after"),
    ("V08", an_hour(), known(now=NOW + timedelta(days=1096)), "owed at all"),
    ("V09", changed(end_date_time=START + timedelta(hours=48, seconds=1)), FINE, "more than 48 h"),
    ("V09", changed(end_date_time=START + timedelta(seconds=59)), FINE, "59 s and costs"),
    ("V10", changed(total_energy=Decimal("23.3")), FULL, "connector of 22.08 kW"),
    (
        "V11",
        with_periods(
            ChargingPeriod(START, (PeriodDimension("ENERGY", Decimal("4.2")),)),
            ChargingPeriod(START + 10 * MINUTE, (KWH,)),
        ),
        FULL,
        "period 1 takes 4.2 kWh",
    ),
    ("V12", changed(total_energy=Decimal("200.001")), FINE, "more than the 200 kWh"),
    ("V12", changed(total_energy=Decimal(-1)), FINE, "energy from the car is not agreed"),
    (
        "V13",
        changed(total_energy=Decimal(0), tariffs=(FREE,), total_parking_cost=None),
        FINE,
        "price nothing but energy",
    ),
    ("V14", changed(total_energy=Decimal("11.012")), FINE, "periods sum to 11.000 kWh"),
    ("V15", changed(total_time=Decimal("1.0101")), FINE, "1.0101 h"),
    ("V16", changed(total_parking_time=Decimal("0.0101")), FINE, "0.0101 h"),
    (
        "V16",
        changed(
            charging_periods=(ChargingPeriod(START, (PeriodDimension("PARKING_TIME", Decimal(2)),)),),
            total_parking_time=Decimal(2),
        ),
        FINE,
        "more than total_time",
    ),
    ("V17", with_periods(ChargingPeriod(START, (KWH,)), ChargingPeriod(START, (KWH,))), FINE, "period 2"),
    ("V17", with_periods(ChargingPeriod(START - MINUTE, (KWH,))), FINE, "before the session"),
    ("V17", with_periods(ChargingPeriod(START + 60 * MINUTE, (KWH,))), FINE, "is over"),
    ("V18", with_periods(), FINE, "no charging period"),
    ("V18", with_periods(ChargingPeriod(START, ())), FINE, "no dimension"),
    (
        "V18",
        with_periods(ChargingPeriod(START, (PeriodDimension("ENERGY", Decimal(-1)),))),
        FINE,
        "-1 of ENERGY",
    ),
    ("V19", changed(total_energy_cost=Price(Decimal("56.02"))), FINE, "sum to 56.02 SEK"),
    ("V20", changed(total_cost=Price(Decimal(99_999))), known(cost=priced(PRICE)), "its own tariffs give 56"),
    (
        "V20",
        changed(total_cost=Price(Decimal("55.43"))),
        known(cost=priced(PRICE)),
        "total_cost is 55.43 SEK",
    ),
    ("V20", changed(total_cost=Price(Decimal("0.02"))), known(cost=priced(Decimal(0))), "tariffs give 0"),
    ("V20", an_hour(), known(not_priced="no tariff is valid"), "no tariff is valid"),
    (
        "V20",
        changed(total_cost=Price(Decimal(60)), total_energy_cost=Price(Decimal(60))),
        FULL,
        "energy 60, not 54.00",
    ),
    ("V21", asking(taxed("14.02")), FULL, "25 % of 56 is 14"),
    ("V21", asking(taxed("14.02", None)), FULL, "25 % of 56 is 14"),
    (
        "V21",
        asking(Price(Decimal(56), (TaxAmount("VAT", Decimal(9), Decimal(25)), TaxAmount("X", Decimal(1))))),
        FULL,
        "its tariffs give 13.5",
    ),
    ("V22", asking(taxed("10.64", "19")), FULL, "VAT of 19 %, in SWE it is 25 %"),
    ("V23", asking(Price(Decimal(56), None)), FINE, "does not tell the amount with it"),
    ("V23", asking(taxed("14")), limits(reverse_charge=True), "reverse charge is agreed"),
    ("V24", changed(currency="kr"), FINE, "ISO 4217"),
    ("V24", changed(currency="EUR"), FINE, "in SEK"),
    ("V24", an_hour(), limits(currency="EUR"), "in EUR"),
    ("V25", changed(tariffs=()), FINE, "no tariff"),
    ("V25", with_periods(ChargingPeriod(START, (KWH,), "X")), FINE, "names tariff 'X'"),
    ("V26", an_hour(), full(tariffs_then=(FREE,)), "not as we had it"),
    ("V27", with_tariff(end_date_time=START), FINE, "was not valid"),
    ("V27", with_tariff(start_date_time=START + MINUTE), FINE, "was not valid"),
    ("V28", an_hour(), full(cost=SPANNED), "period_spans_price_change"),
    ("V29", an_hour(), known(token=False), "not one of ours"),
    ("V30", an_hour(), known(blocked_since=START), "before the session began"),
    ("V31", changed(authorization_reference="secret-reference"), full(reference_given=False), "'secret-r'"),
    ("V31", changed(authorization_reference="r"), full(reference_at="L2"), "given for location L2"),
    (
        "V32",
        changed(auth_method=AuthMethod.WHITELIST),
        full(whitelist=Whitelist.NEVER),
        "the token's is NEVER",
    ),
    ("V33", an_hour(), full(place=None), "location 'L1' of SE*ELS is not known"),
    ("V33", placed(evse_uid="E9"), FULL, "EVSE 'E9' is not known"),
    ("V33", placed(connector_id="9"), FULL, "no connector '9'"),
    ("V33", an_hour(), full(place=REMOVED), "was removed"),
    ("V33", placed(evse_uid="E9"), full(place=HIDDEN), "EVSE 'E9' is not known"),
    ("V34", placed(evse_id="NO*ELS*E1"), FULL, "begins with NO"),
    ("V34", placed(evse_id="SE*FOO*E1"), FULL, "is of FOO"),
    (
        "V34",
        an_hour(),
        full(place=msgspec.structs.replace(LOCATION, country="NOR")),
        "our copy of the location has NOR",
    ),
    ("V34", placed(coordinates=GeoLocation("55.44", "13.82")), FULL, "1112 m from our copy"),
    ("V35", an_hour(), full(sender_may=False), "does not speak for"),
    ("V36", an_hour(), full(session=msgspec.structs.replace(SESSION, kwh=Decimal("11.2"))), "with 11.2"),
    (
        "V36",
        an_hour(),
        full(session=msgspec.structs.replace(SESSION, total_cost=Price(Decimal(50)))),
        "the session ended with 50",
    ),
    ("V37", an_hour(), full(session=None), "not of 's1'"),
    ("V38", PLAIN, full(signed=CHANGED), "not genuine"),
    ("V38", PLAIN, full(signed=msgspec.structs.replace(REGISTERS, register_end=Decimal(112))), "by 12 kWh"),
    ("V39", placed(country="DEU"), FULL, "required in DEU"),
    (
        "V40",
        PLAIN,
        full(signed=msgspec.structs.replace(REGISTERS, register_end=Decimal(99))),
        "below its start",
    ),
    ("V41", changed(credit=True, credit_reference_id="c0"), FINE, "which is not known"),
    ("V41", changed(credit=True, total_cost=Price(-PRICE)), FINE, "no CDR that it names"),
    ("V41", CREDIT, full(original=Credited(cdr=ORIGINAL, by="k0")), "'k0' credited before"),
    ("V41", CREDIT, full(original=Credited(cdr=CREDIT)), "a credit itself"),
    (
        "V41",
        msgspec.structs.replace(CREDIT, total_cost=Price(Decimal(-53))),
        full(original=Credited(cdr=ORIGINAL)),
        "with -53",
    ),
    (
        "V41",
        msgspec.structs.replace(CREDIT, total_cost=Price(Decimal(-54), ())),
        full(original=Credited(cdr=ORIGINAL)),
        "after taxes",
    ),
    (
        "V41",
        msgspec.structs.replace(CREDIT, currency="EUR"),
        full(original=Credited(cdr=ORIGINAL)),
        "which was in SEK",
    ),
    ("V42", changed(total_cost=Price(Decimal("-0.01"))), FINE, "no credit"),
    ("V42", changed(id="c2"), full(given_back=(an_hour(),)), "repeats CDR 's1'"),
    ("V43", with_tariff(min_price=PriceLimit(Decimal(57))), FINE, "below the least price 57"),
    ("V43", with_tariff(max_price=PriceLimit(Decimal(53))), FINE, "above the greatest price 53"),
    (
        "V43",
        changed(tariffs=(BY_NIGHT,), total_cost=Price(Decimal(44)), total_energy_cost=Price(Decimal(44))),
        full(cost=STEPPED),
        "by step_size it is 60",
    ),
    (
        "V43",
        changed(tariffs=(BY_NIGHT,), total_cost=Price(Decimal(44)), total_energy_cost=Price(Decimal(44))),
        full(cost=RESERVED_TOO),
        "by step_size it is 60",
    ),
    ("V44", RESERVED, full(reserved=False), "of which we know nothing"),
    (
        "V44",
        msgspec.structs.replace(
            RESERVED,
            charging_periods=(
                ChargingPeriod(START, (KWH, PeriodDimension("RESERVATION_EXPIRES", Decimal(1)))),
            ),
        ),
        FULL,
        "a session followed",
    ),
    ("V45", an_hour(), full(retail=Retail(net=Decimal("26.9"), currency="SEK")), "are lost"),
    ("V46", an_hour(), full(at_evse=(neighbour(-120, -60, energy="11"),)), "are those of CDR 'n'"),
    ("V46", an_hour(), full(at_evse=WHOLE), "the last 6 CDRs"),
    ("V47", an_hour(), full(of_token=MANY), "39 sessions"),
    ("V47", an_hour(), limits(month_kwh=10), "10 are agreed"),
    (
        "V48",
        an_hour(),
        full(of_token=(neighbour(65, 90, party="DE*XYZ", location_id="X", coordinates=THERE),)),
        "with another operator",
    ),
    ("V49", ONE_PERIOD, FULL, "where the price of energy changes"),
    ("V50", an_hour(), full(zone_guessed=True), "was guessed"),
    ("V51", changed(id="c" * 37), FINE, "id has 37 characters, 36 at most"),
    ("V51", placed(country="SE"), FINE, "alpha-3"),
    ("V51", placed(connector_format="PLUG"), FINE, "expected SOCKET or CABLE"),
    ("V51", placed(connector_power_type="AC"), FINE, "connector_power_type"),
    ("V52", changed(home_charging_compensation=True), FULL, "that is published"),
]
PASSING: Sequence[tuple[str, Cdr, Known]] = [
    *((check.id, PLAIN, FULL) for check in CHECKS if check.id != "V41"),
    ("V01", an_hour(), known(content_hash="a", earlier_hash="a")),
    ("V03", an_hour(), full(of_token=(neighbour(30, 90),))),  # The same EVSE is V04's business.
    ("V03", an_hour(), full(of_token=(neighbour(60, 90, evse_uid="E2"),))),  # Half-open.
    (
        "V03",
        an_hour(),
        full(of_token=(neighbour(30, 90, evse_uid="E2"),), limits=Thresholds(parallel_sessions=True)),
    ),
    ("V04", an_hour(), full(at_evse=(neighbour(30, 90, connector_id="2"), neighbour(60, 90)))),
    ("V05", an_hour(), full(of_token=(neighbour(-300, -200, coordinates=THERE),))),
    ("V07", an_hour(), known(now=START + 55 * MINUTE)),  # Clocks differ.
    ("V07", changed(start_date_time=START.replace(year=1970, month=1, day=1)), limits(epoch_dates=True)),
    ("V08", an_hour(), known(now=NOW + timedelta(days=2000), received_at=NOW)),  # Looked at again, in time.
    ("V09", changed(end_date_time=START + timedelta(hours=48)), FINE),
    ("V10", changed(total_energy=Decimal("23.184")), FULL),
    ("V12", changed(total_energy=Decimal(-1)), limits(energy_back=True)),
    ("V13", changed(total_energy=Decimal(0)), FINE),  # Parking is priced.
    ("V14", changed(total_energy=Decimal("11.011")), FINE),  # 0.1 %.
    ("V15", changed(total_time=Decimal("1.0100")), FINE),  # 36 s.
    ("V16", PARKED, FINE),
    (
        "V18",
        with_periods(ChargingPeriod(START, (PeriodDimension("ENERGY", Decimal(-1)),))),
        limits(energy_back=True),
    ),
    (
        "V19",
        msgspec.structs.replace(
            with_tariff(min_price=PriceLimit(Decimal(60))), total_cost=Price(Decimal(60))
        ),
        FINE,
    ),
    ("V20", changed(total_cost=Price(Decimal("55.44"))), known(cost=priced(PRICE))),  # 1 %.
    ("V20", changed(total_cost=Price(Decimal("0.51"))), known(cost=priced(Decimal("0.50")))),  # A cent.
    ("V21", asking(taxed("14.01", None)), FULL),
    ("V22", asking(Price(Decimal(56), ())), FULL),
    ("V23", asking(Price(Decimal(56), ())), limits(reverse_charge=True)),
    ("V25", changed(tariffs=(), total_cost=Price(Decimal(0))), FINE),  # Nothing is asked.
    ("V30", an_hour(), known(blocked_since=START + MINUTE)),  # Blocked while it charged.
    ("V31", changed(authorization_reference="r"), full(reference_at="L1")),
    ("V32", changed(auth_method=AuthMethod.WHITELIST), FULL),
    ("V33", placed(evse_uid="e1"), FULL),  # Ids are compared without case.
    ("V34", placed(coordinates=GeoLocation("55.438", "13.82")), FULL),
    ("V36", an_hour(), full(session=msgspec.structs.replace(SESSION, kwh=Decimal("10.9")))),
    ("V39", msgspec.structs.replace(placed(country="DEU"), signed_data=SIGNED), FULL),
    ("V41", CREDIT, full(original=Credited(cdr=ORIGINAL))),
    ("V42", changed(id="c2", total_energy=Decimal(10)), full(given_back=(an_hour(),))),
    ("V43", with_tariff(min_price=PriceLimit(Decimal(54)), max_price=PriceLimit(Decimal(54))), FINE),
    ("V43", changed(tariffs=(BY_NIGHT,), total_energy_cost=Price(Decimal(60))), full(cost=STEPPED)),
    ("V43", changed(tariffs=(BY_NIGHT,), total_energy_cost=Price(Decimal(60))), full(cost=HARDLY_STEPPED)),
    ("V44", RESERVED, FULL),
    ("V45", an_hour(), full(retail=Retail(net=Decimal(27), currency="SEK"))),
    ("V46", an_hour(), full(at_evse=(*WHOLE[:-1], EARLIER))),
    ("V47", an_hour(), limits(month_kwh=11)),
    ("V48", an_hour(), full(of_token=(neighbour(65, 90, party="DE*XYZ"),))),
    ("V49", changed(start_date_time=START + 16 * MINUTE, end_date_time=START + 29 * MINUTE), FULL),
    ("V50", with_tariff(elements=FREE.elements), full(zone_guessed=True)),
    ("V51", msgspec.structs.replace(CREDIT, id="c" * 39), FINE),
    ("V52", changed(home_charging_compensation=True), full(place=HIDDEN)),
]
RULES = {f"V{number:02}" for number in range(1, 53)}


def of(check: str, examined: Examined) -> list[Finding]:
    return [one for one in examined.findings if one.check == check]


@pytest.mark.parametrize(("check", "cdr", "known", "text"), FAILING, ids=[f"{c[0]}-{c[3]}" for c in FAILING])
def test_a_check_finds_its_fault_and_says_where(check: str, cdr: Cdr, known: Known, text: str) -> None:
    examined = examine(cdr, known)
    found = [one for one in of(check, examined) if text in one.text]
    assert found, examined
    assert may_be_billed(found) is (found[0].severity is Severity.WARN)


@pytest.mark.parametrize(("check", "cdr", "known"), PASSING)
def test_a_check_that_passes_was_made(check: str, cdr: Cdr, known: Known) -> None:
    outcomes = [one.find(cdr, known) for one in CHECKS if one.id == check]
    assert not [one for one in outcomes if isinstance(one, str)]
    assert None in outcomes


def test_every_number_has_a_passing_and_a_failing_case() -> None:
    assert RULES == NUMBERS
    assert {case[0] for case in FAILING} == RULES
    assert {case[0] for case in PASSING} == RULES


@pytest.mark.parametrize("check", CHECKS, ids=[f"{one.id}-{one.find.__name__}" for one in CHECKS])
def test_every_row_of_the_table_has_a_failing_case(check: Check) -> None:
    assert any(
        isinstance(check.find(cdr, known), str) for number, cdr, known, _ in FAILING if number == check.id
    )


def test_a_plain_cdr_of_which_all_is_known_passes_every_check() -> None:
    assert examine(PLAIN, FULL) == Examined()


def test_a_receiver_who_knows_little_is_told_what_was_not_examined() -> None:
    examined = examine(an_hour(), FINE)
    assert examined.findings == ()
    assert "V38 no signed data" in examined.unexamined
    assert {text[:3] for text in examined.unexamined} == {
        *("V03", "V04", "V05", "V10", "V11", "V20", "V22", "V26", "V28", "V33", "V34", "V35", "V36"),
        *("V37", "V38", "V40", "V43", "V45", "V46", "V47", "V48", "V49"),
    }


def test_a_cdr_that_names_no_session_is_of_none_that_is_unknown() -> None:
    """V37: OCPI 2.1.1 has no such field."""
    examined = examine(msgspec.structs.replace(an_hour(), session_id=None), full(session=None))
    assert "V37 it names no session" in examined.unexamined
    assert not [one for one in examined.findings if one.check == "V37"]


@pytest.mark.parametrize("signed", [None, UNREAD])
def test_signed_data_that_nobody_verified_is_not_held_to_be_genuine(signed: SignedCheck | None) -> None:
    (text,) = [one for one in examine(PLAIN, full(signed=signed)).unexamined if one.startswith("V38")]
    assert ("was not verified" if signed is None else "EDL40 has no verifier") in text


def test_a_credit_is_examined_for_what_it_does_not_repeat() -> None:
    examined = examine(CREDIT, full(original=Credited(cdr=ORIGINAL)))
    assert examined.findings == ()
    assert not [text for text in examined.unexamined if text[:3] in ("V02", "V20", "V36", "V42")]


def test_a_severity_that_was_agreed_counts_instead_of_the_check_s_own() -> None:
    wrong = changed(total_energy=Decimal("11.012"))
    assert is_refused(examine(wrong, FINE).findings)
    assert may_be_billed(examine(wrong, FINE, {"V14": Severity.WARN}).findings)


def test_differences_are_told_by_dimension_with_the_total_last() -> None:
    cdr = changed(total_cost=Price(Decimal(60)), total_parking_cost=Price(Decimal(4)))
    told = {name: (asked, given) for name, asked, given in differences(cdr, COST)}
    assert list(told)[-1] == "total"
    assert told["total"] == (Decimal(60), COST.total.before_taxes)
    assert told["parking"] == (Decimal(4), Decimal(0))
    assert told["reservation"] == (None, Decimal(0))


def test_two_places_at_once_tell_more_of_fraud_than_much_use() -> None:
    assert fraud_score(["V03", "V48"]) > fraud_score(["V47"]) > fraud_score(["V20"]) == 0


def test_the_power_of_a_connector_is_that_of_all_its_phases() -> None:
    assert connector_in(FULL, an_hour()) == CONNECTOR
    single = msgspec.structs.replace(CONNECTOR, power_type="AC_1_PHASE")
    place = msgspec.structs.replace(
        LOCATION, evses=(msgspec.structs.replace(LOCATION.evses[0], connectors=(single,)),)
    )
    assert of("V10", examine(an_hour(), full(place=place)))
    told = msgspec.structs.replace(single, max_electric_power=11_000)
    place = msgspec.structs.replace(
        LOCATION, evses=(msgspec.structs.replace(LOCATION.evses[0], connectors=(told,)),)
    )
    assert not of("V10", examine(an_hour(), full(place=place)))


def test_coordinates_that_are_none_are_not_compared() -> None:
    nowhere = msgspec.structs.replace(AWAY, coordinates=GeoLocation("north", "200"))
    assert not of("V05", examine(an_hour(), full(of_token=(nowhere,))))


def test_a_warning_alone_does_not_stop_a_bill() -> None:
    assert may_be_billed((Finding("V08", Severity.WARN, "late"),))
