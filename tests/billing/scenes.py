"""A connector, a tariff and a session's facts, for tests of what becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from elstrada.billing.cdr import Place, cdr_of
from elstrada.billing.trace import Trace, trace
from elstrada.model.cdr import Cdr
from elstrada.model.cost import Cost
from elstrada.model.facts import Fact, MeterSampled, SessionCompleted, SessionEnded, SessionStarted
from elstrada.model.ids import PartyId
from elstrada.model.location import Connector, Evse, EvseStatus, GeoLocation, Location
from elstrada.model.quantity import MeterSample
from elstrada.model.tariff import Dimension, PriceComponent, Tariff, TariffElement, TariffRestrictions
from elstrada.model.token import AuthMethod
from elstrada.tariffs.compile import compiled
from elstrada.tariffs.price import price_with
from elstrada.tariffs.segment import Cutter
from elstrada.tariffs.usage import Usage

CPO, EMSP = PartyId("SE", "ELS"), PartyId("SE", "RET")
START = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
"""A Monday, 16:30 in Stockholm."""
ZONE = "Europe/Stockholm"
MINUTE = timedelta(minutes=1)

CONNECTOR = Connector(
    id="1",
    standard="IEC_62196_T2",
    format="SOCKET",
    power_type="AC_3_PHASE",
    max_voltage=230,
    max_amperage=32,
    tariff_ids=("T",),
    last_updated=START,
)
EVSE = Evse(
    uid="E1",
    evse_id="SE*ELS*E1",
    status=EvseStatus.AVAILABLE,
    connectors=(CONNECTOR,),
    last_updated=START,
)
LOCATION = Location(
    party=CPO,
    id="L1",
    name="Harbour",
    address="Kajen 1",
    city="Ystad",
    country="SWE",
    coordinates=GeoLocation("55.43", "13.82"),
    evses=(EVSE,),
    time_zone=ZONE,
    last_updated=START,
)
PLACE = Place(LOCATION, EVSE, CONNECTOR)


def component(kind: Dimension, amount: str, *, step_size: int = 1, vat: str | None = "25") -> PriceComponent:
    return PriceComponent(kind, Decimal(amount), None if vat is None else Decimal(vat), step_size)


EVENING = Tariff(
    party=CPO,
    id="T",
    currency="SEK",
    elements=(
        TariffElement(
            (component(Dimension.ENERGY, "6"),), TariffRestrictions(start_time="17:00", end_time="20:00")
        ),
        TariffElement((component(Dimension.ENERGY, "4"), component(Dimension.PARKING_TIME, "30"))),
    ),
    last_updated=START - timedelta(days=1),
)
"""Energy is dearer from 17:00 to 20:00; parking always costs."""


def started(**other: object) -> SessionStarted:
    told: dict[str, object] = {
        "session_id": "s1",
        "transaction_id": "7",
        "start_key": "k",
        "evse_id": 1,
        "connector_id": 1,
        "at": START,
        "token_ref": "ref",
        "token_party": EMSP,
        "auth_method": AuthMethod.AUTH_REQUEST,
        "meter_wh": 100_000,
    }
    return SessionStarted(**(told | other))  # type: ignore[arg-type]


def sampled(minute: int, energy_wh: int | None, power_w: int | None = None) -> MeterSampled:
    """A reading; ``energy_wh`` counts from the session's start."""
    register = None if energy_wh is None else 100_000 + energy_wh
    sample = MeterSample(START + minute * MINUTE, register, power_w)
    return MeterSampled(1, 1, (sample,), session_id="s1")


def ended(minute: int, energy_wh: int) -> tuple[SessionEnded, SessionCompleted]:
    at = START + minute * MINUTE
    return (
        SessionEnded("s1", at, meter_wh=100_000 + energy_wh),
        SessionCompleted("s1", START, at, energy_wh),
    )


HOUR: tuple[Fact, ...] = (
    started(),
    sampled(15, 3_000, 11_000),
    sampled(45, 9_000, 11_000),
    *ended(60, 11_000),
)
"""An hour from 16:30 to 17:30 local; between 16:45 and 17:15 it takes 6 kWh."""


def issue(told: Trace, tariff: Tariff = EVENING) -> tuple[Cdr, Cost]:
    """The CDR and cost of a trace, as the rater makes them."""
    by = compiled(tariff)
    periods, _ = Cutter(by, told.start, ZONE).take(told.measured).segments()
    usage = Usage(start=told.start, end=told.end, time_zone=ZONE, currency=tariff.currency, periods=periods)
    cost = price_with(usage, [by])
    cdr = cdr_of(told, PLACE, tariffs=(tariff,), periods=usage.periods, cost=cost, issued_at=told.end)
    return cdr, cost


def an_hour() -> Cdr:
    return issue(trace(HOUR))[0]
