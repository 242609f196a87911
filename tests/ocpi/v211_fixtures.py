"""Objects of our own making as OCPI 2.1.1 has them, and the model's objects in all their variety."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from elstrada.model import cdr as m_cdr
from elstrada.model import cost as m_cost
from elstrada.model import location as m
from elstrada.model import session as m_session
from elstrada.model import tariff as m_tariff
from elstrada.model import token as m_token
from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails

Document = dict[str, Any]
ELS, RET = PartyId("SE", "ELS"), PartyId("SE", "RET")
IDENTITY = m_token.TokenIdentity(RET, "04A1B2C3D4E5F6", "RFID", "SERETC00000017")

# --- as the wire has them ---------------------------------------------------------------------------

TOKEN: Document = {
    "uid": "04A1B2C3D4E5F6",
    "type": "RFID",
    "auth_id": "SERETC00000017",
    "visual_number": "RET-0017",
    "issuer": "Retailer",
    "valid": True,
    "whitelist": "ALLOWED",
    "language": "sv",
    "last_updated": "2026-01-02T03:04:05Z",
}
CONNECTOR: Document = {
    "id": "1",
    "standard": "IEC_62196_T2_COMBO",
    "format": "CABLE",
    "power_type": "DC",
    "voltage": 920,
    "amperage": 200,
    "tariff_id": "T1",
    "last_updated": "2026-01-01T00:00:00Z",
}
EVSE: Document = {
    "uid": "E1",
    "evse_id": "SE*ELS*E00001*1",
    "status": "AVAILABLE",
    "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE"],
    "connectors": [CONNECTOR],
    "floor_level": "-1",
    "last_updated": "2026-01-01T00:00:00Z",
}
LOCATION: Document = {
    "id": "L1",
    "type": "ON_STREET",
    "name": "Norra torget",
    "address": "Norra torget 1",
    "city": "Umeå",
    "postal_code": "90326",
    "country": "SWE",
    "coordinates": {"latitude": "63.825848", "longitude": "20.263035"},
    "evses": [EVSE],
    "operator": {"name": "Els", "website": "https://els.example"},
    "facilities": ["HOTEL"],
    "time_zone": "Europe/Stockholm",
    "opening_times": {
        "twentyfourseven": False,
        "regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}],
        "exceptional_closings": [
            {"period_begin": "2026-12-24T00:00:00Z", "period_end": "2026-12-26T00:00:00Z"}
        ],
    },
    "energy_mix": {
        "is_green_energy": False,
        "energy_sources": [{"source": "WIND", "percentage": 100}],
        "environ_impact": [{"source": "CARBON_DIOXIDE", "amount": 12}],
    },
    "last_updated": "2026-01-01T00:00:00Z",
}
TARIFF: Document = {
    "id": "T1",
    "currency": "SEK",
    "tariff_alt_text": [{"language": "sv", "text": "5,20 kr per kWh"}],
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": 5.20, "step_size": 1}],
            "restrictions": {"start_time": "06:00", "end_time": "22:00", "day_of_week": ["MONDAY"]},
        },
        {"price_components": [{"type": "FLAT", "price": 1.00, "step_size": 1}]},
    ],
    "last_updated": "2026-01-01T00:00:00Z",
}
SESSION: Document = {
    "id": "S1",
    "start_datetime": "2026-02-03T10:00:00Z",
    "kwh": 12.5,
    "auth_id": "SERETC00000017",
    "auth_method": "WHITELIST",
    "location": LOCATION,
    "currency": "SEK",
    "charging_periods": [
        {"start_date_time": "2026-02-03T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 12.5}]}
    ],
    "total_cost": 65.00,
    "status": "ACTIVE",
    "last_updated": "2026-02-03T10:30:00Z",
}
CDR_LOCATION: Document = {
    name: LOCATION[name]
    for name in ("id", "name", "address", "city", "postal_code", "country", "coordinates", "time_zone")
} | {
    "type": "UNKNOWN",
    "evses": [
        {
            "uid": "E1",
            "evse_id": "SE*ELS*E00001*1",
            "status": "UNKNOWN",
            "connectors": [CONNECTOR | {"last_updated": "2026-02-03T11:00:05Z"}],
            "last_updated": "2026-02-03T11:00:05Z",
        }
    ],
    "last_updated": "2026-02-03T11:00:05Z",
}
CDR: Document = {
    "id": "C1",
    "start_date_time": "2026-02-03T10:00:00Z",
    "stop_date_time": "2026-02-03T11:00:00Z",
    "auth_id": "SERETC00000017",
    "auth_method": "WHITELIST",
    "location": CDR_LOCATION,
    "currency": "SEK",
    "tariffs": [TARIFF],
    "charging_periods": [
        {"start_date_time": "2026-02-03T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 25.0}]}
    ],
    "total_cost": 131.00,
    "total_energy": 25.0,
    "total_time": 1.0,
    "last_updated": "2026-02-03T11:00:05Z",
}
CREDENTIALS: Document = {
    "token": "tttttttttttttttttttttttttttttttt",
    "url": "https://els.example/ocpi/cpo/versions",
    "business_details": {"name": "Els"},
    "party_id": "ELS",
    "country_code": "SE",
}

# --- as the model has them --------------------------------------------------------------------------


def _some(values: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=most).map(tuple)


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


TEXTS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x2FF), min_size=1, max_size=12)
LONG_TEXTS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)
TIMES = st.integers(0, 10**8).map(lambda s: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
NUMBERS = st.decimals(min_value=-1000, max_value=1000, places=4) | st.decimals(
    min_value=-1000, max_value=1000, places=6
)
DISPLAYED = st.builds(m.DisplayText, st.sampled_from(["en", "sv"]), TEXTS)
POINTS = st.builds(
    m.GeoLocation,
    st.sampled_from(["63.825848", "63.8258", "-1.0000001", "north"]),
    st.sampled_from(["20.263035", "20.2630351"]),
)
BUSINESSES = st.builds(BusinessDetails, TEXTS, _maybe(TEXTS))
IMAGES = st.builds(m.Image, TEXTS, st.just("CHARGER"), st.just("png"))
MIXES = st.builds(
    m.EnergyMix,
    st.booleans(),
    _some(st.builds(m.EnergySource, st.just("WIND"), st.just(50.0))),
    _some(st.builds(m.EnvironmentalImpact, st.just("NUCLEAR_WASTE"), st.just(0.5))),
    _maybe(TEXTS),
)
SPANS = st.builds(m.ExceptionalPeriod, TIMES, TIMES)
HOURS = st.builds(
    m.Hours,
    st.booleans(),
    _some(st.builds(m.RegularHours, st.integers(1, 7), st.just("08:00"), st.just("20:00"))),
    _some(SPANS),
    _some(SPANS),
)
CONNECTORS = st.builds(
    m.Connector,
    id=TEXTS,
    standard=st.sampled_from(["IEC_62196_T2", "CHADEMO", "MCS", "NEMA_5_20"]),
    format=st.sampled_from(["SOCKET", "CABLE"]),
    power_type=st.sampled_from(["AC_1_PHASE", "AC_2_PHASE", "DC"]),
    max_voltage=st.integers(0, 1000),
    max_amperage=st.integers(0, 1000),
    max_electric_power=_maybe(st.integers(1, 10**6)),
    tariff_ids=_some(TEXTS),
    terms_and_conditions=_maybe(TEXTS),
    capabilities=_some(st.just("ISO_15118_2_PLUG_AND_CHARGE")),
    last_updated=TIMES,
)
EVSES = st.builds(
    m.Evse,
    uid=TEXTS,
    evse_id=_maybe(TEXTS),
    status=st.sampled_from(m.EvseStatus),
    status_schedule=_some(st.builds(m.StatusSchedule, TIMES, st.just("PLANNED"), _maybe(TIMES))),
    capabilities=_some(st.sampled_from(["RESERVABLE", "PED_TERMINAL", "RFID_READER"])),
    connectors=_some(CONNECTORS),
    floor_level=_maybe(TEXTS),
    coordinates=_maybe(POINTS),
    physical_reference=_maybe(TEXTS),
    directions=_some(DISPLAYED),
    parking_restrictions=_some(st.sampled_from(["PLUGGED", "TAXIS"])),
    parking=_some(st.builds(m.EvseParking, TEXTS)),
    images=_some(IMAGES),
    accepted_service_providers=_some(TEXTS),
    last_updated=TIMES,
)
PLACES = st.builds(
    m.Parking,
    id=TEXTS,
    vehicle_types=st.just(("VAN",)),
    restricted_to_type=st.booleans(),
    reservation_required=st.booleans(),
)
LOCATIONS = st.builds(
    m.Location,
    party=st.just(ELS),
    id=TEXTS,
    publish=st.booleans(),
    publish_allowed_to=_some(st.builds(m.PublishToken, TEXTS)),
    name=_maybe(TEXTS),
    address=LONG_TEXTS,
    city=TEXTS,
    postal_code=_maybe(TEXTS),
    state=_maybe(TEXTS),
    country=st.sampled_from(["SWE", "USA"]),
    coordinates=POINTS,
    related_locations=_some(
        st.builds(m.AdditionalGeoLocation, st.sampled_from(["1.5", "1.500000"]), st.just("2.000000"))
    ),
    parking_type=_maybe(st.sampled_from(["ON_STREET", "PARKING_LOT", "ON_DRIVEWAY", "ALONG_MOTORWAY"])),
    evses=_some(EVSES),
    parking_places=_some(PLACES),
    directions=_some(DISPLAYED),
    operator=_maybe(BUSINESSES),
    suboperator=_maybe(BUSINESSES),
    owner=_maybe(BUSINESSES),
    facilities=_some(st.sampled_from(["HOTEL", "BIKE_SHARING", "METRO_STATION"])),
    time_zone=st.sampled_from(["Europe/Stockholm", "America/New_York"]),
    opening_times=_maybe(HOURS),
    charging_when_closed=st.booleans(),
    images=_some(IMAGES),
    energy_mix=_maybe(MIXES),
    help_phone=_maybe(TEXTS),
    last_updated=TIMES,
)
RESTRICTIONS = st.builds(
    m_tariff.TariffRestrictions,
    start_time=_maybe(st.just("08:00")),
    end_date=_maybe(st.just("2026-12-31")),
    min_kwh=_maybe(NUMBERS),
    max_current=_maybe(NUMBERS),
    max_power=_maybe(NUMBERS),
    min_duration=_maybe(st.integers(0, 9000)),
    max_duration=_maybe(st.integers(0, 9000)),
    day_of_week=_some(st.sampled_from(["MONDAY", "SUNDAY"])),
    reservation=_maybe(st.just("RESERVATION")),
)
COMPONENTS = st.builds(
    m_tariff.PriceComponent,
    st.sampled_from(m_tariff.Dimension),
    NUMBERS,
    _maybe(st.just(Decimal(25))),
    st.integers(0, 900),
)
LIMITS = st.builds(m_tariff.PriceLimit, NUMBERS, _maybe(NUMBERS))
TARIFFS = st.builds(
    m_tariff.Tariff,
    party=st.just(ELS),
    id=TEXTS,
    currency=st.just("SEK"),
    type=_maybe(st.sampled_from(["REGULAR", "AD_HOC_PAYMENT", "PROFILE_GREEN"])),
    tariff_alt_text=_some(DISPLAYED),
    tariff_alt_url=_maybe(TEXTS),
    min_price=_maybe(LIMITS),
    max_price=_maybe(LIMITS),
    elements=_some(
        st.builds(m_tariff.TariffElement, _some(COMPONENTS), _maybe(RESTRICTIONS)),
    ),
    tax_included=st.sampled_from(m_tariff.TaxIncluded),
    start_date_time=_maybe(TIMES),
    end_date_time=_maybe(TIMES),
    energy_mix=_maybe(MIXES),
    last_updated=TIMES,
)
TOKENS = st.builds(
    m_token.Token,
    party=st.just(RET),
    uid=TEXTS,
    type=st.sampled_from(["RFID", "OTHER", "APP_USER", "AD_HOC_USER", "EMAID"]),
    contract_id=TEXTS,
    visual_number=_maybe(TEXTS),
    issuer=TEXTS,
    group_id=_maybe(TEXTS),
    valid=st.booleans(),
    whitelist=st.sampled_from(m_token.Whitelist),
    language=_maybe(st.just("sv")),
    default_profile_type=_maybe(st.just("GREEN")),
    energy_contract=_maybe(st.builds(m_token.EnergyContract, TEXTS)),
    last_updated=TIMES,
)
PRICES = st.builds(m_cost.Price, NUMBERS, _maybe(_some(st.builds(m_cost.TaxAmount, st.just("VAT"), NUMBERS))))
PERIODS = st.builds(
    m_session.ChargingPeriod,
    TIMES,
    _some(
        st.builds(
            m_session.PeriodDimension,
            st.sampled_from(["ENERGY", "PARKING_TIME", "POWER", "STATE_OF_CHARGE"]),
            NUMBERS,
        )
    ),
    _maybe(TEXTS),
)
SESSIONS = st.builds(
    m_session.Session,
    party=st.just(ELS),
    id=TEXTS,
    start_date_time=TIMES,
    end_date_time=_maybe(TIMES),
    kwh=NUMBERS,
    token_ref=st.just(IDENTITY.uid),
    token_party=st.just(RET),
    auth_method=st.sampled_from(m_token.AuthMethod),
    authorization_reference=_maybe(TEXTS),
    location_id=st.just("L1"),
    evse_uid=st.sampled_from(["E1", "E-of-another-place"]),
    connector_id=st.sampled_from(["1", "2"]),
    meter_id=_maybe(TEXTS),
    currency=st.just("SEK"),
    charging_periods=_some(PERIODS),
    total_cost=_maybe(PRICES),
    status=st.sampled_from(m_session.SessionStatus),
    last_updated=TIMES,
)
CDR_PLACES = st.builds(
    m_cdr.CdrLocation,
    id=st.just("L1"),
    name=_maybe(TEXTS),
    address=LONG_TEXTS,
    city=TEXTS,
    postal_code=_maybe(TEXTS),
    state=_maybe(TEXTS),
    country=st.just("SWE"),
    coordinates=POINTS,
    evse_uid=st.sampled_from(["E1", "E7"]),
    evse_id=TEXTS,
    connector_id=st.sampled_from(["1", "2"]),
    connector_standard=st.sampled_from(["IEC_62196_T2", "MCS"]),
    connector_format=st.sampled_from(["SOCKET", "CABLE"]),
    connector_power_type=st.sampled_from(["AC_3_PHASE", "AC_2_PHASE"]),
)
CDRS = st.builds(
    m_cdr.Cdr,
    party=st.just(ELS),
    id=TEXTS,
    start_date_time=TIMES,
    end_date_time=TIMES,
    session_id=_maybe(TEXTS),
    token_ref=st.just(IDENTITY.uid),
    token_party=st.just(RET),
    auth_method=st.sampled_from(m_token.AuthMethod),
    authorization_reference=_maybe(TEXTS),
    cdr_location=CDR_PLACES,
    time_zone=_maybe(st.just("Europe/Stockholm")),
    meter_id=_maybe(TEXTS),
    currency=st.just("SEK"),
    tariffs=_some(TARIFFS, 1),
    charging_periods=_some(PERIODS),
    signed_data=_maybe(st.builds(m_cdr.SignedData, TEXTS, st.just(()))),
    total_cost=PRICES,
    total_fixed_cost=_maybe(PRICES),
    total_energy=NUMBERS,
    total_energy_cost=_maybe(PRICES),
    total_time=NUMBERS,
    total_time_cost=_maybe(PRICES),
    total_parking_time=_maybe(NUMBERS),
    total_parking_cost=_maybe(PRICES),
    total_reservation_cost=_maybe(PRICES),
    remark=_maybe(TEXTS),
    invoice_reference_id=_maybe(TEXTS),
    credit=st.booleans(),
    credit_reference_id=_maybe(TEXTS),
    home_charging_compensation=st.booleans(),
    last_updated=TIMES,
)
