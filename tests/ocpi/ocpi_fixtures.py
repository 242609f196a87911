"""Objects of our own making, in the shape of the standard's, for every test of the language."""

from __future__ import annotations

import copy
from typing import Any

Document = dict[str, Any]

TOKEN: Document = {
    "country_code": "SE",
    "party_id": "RET",
    "uid": "04A1B2C3D4E5F6",
    "type": "RFID",
    "contract_id": "SERETC00000017",
    "visual_number": "RET-0017",
    "issuer": "Retailer",
    "valid": True,
    "whitelist": "ALLOWED",
    "language": "sv",
    "last_updated": "2026-01-02T03:04:05Z",
}
CDR_TOKEN: Document = {
    "country_code": "SE",
    "party_id": "RET",
    "uid": "04A1B2C3D4E5F6",
    "type": "RFID",
    "contract_id": "SERETC00000017",
}
CONNECTOR: Document = {
    "id": "1",
    "standard": "IEC_62196_T2_COMBO",
    "format": "CABLE",
    "power_type": "DC",
    "max_voltage": 920,
    "max_amperage": 200,
    "max_electric_power": 150000,
    "tariff_ids": ["T1"],
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
    "country_code": "SE",
    "party_id": "ELS",
    "id": "L1",
    "publish": True,
    "name": "Norra torget",
    "address": "Norra torget 1",
    "city": "Umeå",
    "postal_code": "90326",
    "country": "SWE",
    "coordinates": {"latitude": "63.825848", "longitude": "20.263035"},
    "evses": [EVSE],
    "operator": {"name": "Els", "website": "https://els.example"},
    "time_zone": "Europe/Stockholm",
    "opening_times": {
        "twentyfourseven": False,
        "regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}],
        "exceptional_closings": [
            {"period_begin": "2026-12-24T00:00:00Z", "period_end": "2026-12-26T00:00:00Z"}
        ],
    },
    "energy_mix": {"is_green_energy": True, "energy_sources": [{"source": "WIND", "percentage": 100}]},
    "last_updated": "2026-01-01T00:00:00Z",
}
TARIFF: Document = {
    "country_code": "SE",
    "party_id": "ELS",
    "id": "T1",
    "currency": "SEK",
    "type": "REGULAR",
    "tariff_alt_text": [{"language": "sv", "text": "5,20 kr per kWh"}],
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": 5.20, "vat": 25, "step_size": 1}],
            "restrictions": {"start_time": "06:00", "end_time": "22:00", "day_of_week": ["MONDAY"]},
        },
        {"price_components": [{"type": "FLAT", "price": 1.00, "vat": 25, "step_size": 1}]},
    ],
    "last_updated": "2026-01-01T00:00:00Z",
}
SESSION: Document = {
    "country_code": "SE",
    "party_id": "ELS",
    "id": "S1",
    "start_date_time": "2026-02-03T10:00:00Z",
    "kwh": 12.5,
    "cdr_token": CDR_TOKEN,
    "auth_method": "WHITELIST",
    "location_id": "L1",
    "evse_uid": "E1",
    "connector_id": "1",
    "currency": "SEK",
    "charging_periods": [
        {"start_date_time": "2026-02-03T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 12.5}]}
    ],
    "total_cost": {"excl_vat": 65.00, "incl_vat": 81.25},
    "status": "ACTIVE",
    "last_updated": "2026-02-03T10:30:00Z",
}
CDR: Document = {
    "country_code": "SE",
    "party_id": "ELS",
    "id": "C1",
    "start_date_time": "2026-02-03T10:00:00Z",
    "end_date_time": "2026-02-03T11:00:00Z",
    "session_id": "S1",
    "cdr_token": CDR_TOKEN,
    "auth_method": "WHITELIST",
    "cdr_location": {
        "id": "L1",
        "name": "Norra torget",
        "address": "Norra torget 1",
        "city": "Umeå",
        "country": "SWE",
        "coordinates": {"latitude": "63.825848", "longitude": "20.263035"},
        "evse_uid": "E1",
        "evse_id": "SE*ELS*E00001*1",
        "connector_id": "1",
        "connector_standard": "IEC_62196_T2_COMBO",
        "connector_format": "CABLE",
        "connector_power_type": "DC",
    },
    "currency": "SEK",
    "tariffs": [TARIFF],
    "charging_periods": [
        {"start_date_time": "2026-02-03T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 25.0}]}
    ],
    "total_cost": {"excl_vat": 131.00, "incl_vat": 163.75},
    "total_energy": 25.0,
    "total_energy_cost": {"excl_vat": 130.00, "incl_vat": 162.50},
    "total_time": 1.0,
    "last_updated": "2026-02-03T11:00:05Z",
}
CREDENTIALS: Document = {
    "token": "tttttttttttttttttttttttttttttttt",
    "url": "https://els.example/ocpi/versions",
    "roles": [
        {"role": "CPO", "party_id": "ELS", "country_code": "SE", "business_details": {"name": "Els"}},
        {"role": "EMSP", "party_id": "ELS", "country_code": "SE", "business_details": {"name": "Els"}},
    ],
}
START: Document = {
    "response_url": "https://ret.example/ocpi/2.2.1/emsp/commands/START_SESSION/1",
    "token": TOKEN,
    "location_id": "L1",
    "evse_uid": "E1",
}


def but(document: Document, **changes: Any) -> Document:
    """A copy with other values; ``None`` takes a field away."""
    result = copy.deepcopy(document) | changes
    return {name: value for name, value in result.items() if value is not None}
