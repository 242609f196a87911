"""Objects as peers write them, for requests by hand."""

from __future__ import annotations

import copy
from typing import Any

Document = dict[str, Any]

TOKEN: Document = {
    "country_code": "SE",
    "party_id": "RET",
    "uid": "AABBCCDD",
    "type": "RFID",
    "contract_id": "SERETC00000099",
    "issuer": "Retailer",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": "2026-01-02T03:04:05Z",
}
CONNECTOR: Document = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 32,
    "last_updated": "2026-01-01T00:00:00Z",
}
EVSE: Document = {
    "uid": "E9",
    "status": "AVAILABLE",
    "connectors": [CONNECTOR],
    "last_updated": "2026-01-01T00:00:00Z",
}
LOCATION: Document = {
    "country_code": "SE",
    "party_id": "ELS",
    "id": "L9",
    "publish": True,
    "address": "Storgatan 9",
    "city": "Luleå",
    "country": "SWE",
    "coordinates": {"latitude": "65.584816", "longitude": "22.156704"},
    "evses": [EVSE],
    "time_zone": "Europe/Stockholm",
    "last_updated": "2026-01-01T00:00:00Z",
}
TARIFF: Document = {
    "country_code": "SE",
    "party_id": "ELS",
    "id": "T9",
    "currency": "SEK",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 4.0, "step_size": 1}]}],
    "last_updated": "2026-01-01T00:00:00Z",
}
CDR_TOKEN: Document = {
    "country_code": "SE",
    "party_id": "RET",
    "uid": "04A1B2C3D4E5F6",
    "type": "RFID",
    "contract_id": "SERETC00000017",
}
SESSION: Document = {
    "country_code": "SE",
    "party_id": "ELS",
    "id": "S9",
    "start_date_time": "2026-02-03T10:00:00Z",
    "kwh": 12.5,
    "cdr_token": CDR_TOKEN,
    "auth_method": "WHITELIST",
    "location_id": "L9",
    "evse_uid": "E9",
    "connector_id": "1",
    "currency": "SEK",
    "charging_periods": [
        {"start_date_time": "2026-02-03T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 12.5}]}
    ],
    "status": "ACTIVE",
    "last_updated": "2026-02-03T10:30:00Z",
}
INVOICE: Document = {
    "country_code": "SE",
    "party_id": "ELS",
    "id": "R9",
    "invoice_id": "2026-02",
    "cdrs": ["C9"],
    "last_updated": "2026-02-03T12:00:00Z",
}
CDR: Document = {
    "country_code": "SE",
    "party_id": "ELS",
    "id": "C9",
    "start_date_time": "2026-02-03T10:00:00Z",
    "end_date_time": "2026-02-03T11:00:00Z",
    "cdr_token": CDR_TOKEN,
    "auth_method": "WHITELIST",
    "cdr_location": {
        "id": "L9",
        "address": "Storgatan 9",
        "city": "Luleå",
        "country": "SWE",
        "coordinates": {"latitude": "65.584816", "longitude": "22.156704"},
        "evse_uid": "E9",
        "evse_id": "SE*ELS*E9",
        "connector_id": "1",
        "connector_standard": "IEC_62196_T2",
        "connector_format": "SOCKET",
        "connector_power_type": "AC_3_PHASE",
    },
    "currency": "SEK",
    "charging_periods": [
        {"start_date_time": "2026-02-03T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 25.0}]}
    ],
    "total_cost": {"excl_vat": 100.00, "incl_vat": 125.00},
    "total_energy": 25.0,
    "total_time": 1.0,
    "unheard_of": {"kept": "as it came"},
    "last_updated": "2026-02-03T11:00:05Z",
}


def but(document: Document, **changes: Any) -> Document:
    """A copy with other values; ``None`` takes a field away."""
    result = copy.deepcopy(document) | changes
    return {name: value for name, value in result.items() if value is not None}


BOOKING_REQUEST: Document = {
    "country_code": "SE",
    "party_id": "RET",
    "request_id": "R-1",
    "location_id": "L1",
    "booking_location_id": "BL1",
    "tokens": [
        {
            "country_code": "SE",
            "party_id": "RET",
            "uid": "04A1B2C3D4E5F6",
            "type": "RFID",
            "contract_id": "SERETC00000017",
        }
    ],
    "period": {"start_date_time": "2026-02-03T14:00:00Z", "end_date_time": "2026-02-03T15:00:00Z"},
    "authorization_reference": "ref-b1",
}
BOOKING: Document = {
    "id": "B9",
    "country_code": "SE",
    "party_id": "ELS",
    "request_id": "R-9",
    "booking_option": {"evse_uid": "E1"},
    "location_id": "L1",
    "booking_tokens": BOOKING_REQUEST["tokens"],
    "period": BOOKING_REQUEST["period"],
    "reservation_status": "RESERVED",
    "authorization_reference": "ref-b9",
    "booking_terms": {
        "supported_access_methods": ["OPEN"],
        "change_until_minutes": 30,
        "cancel_until_minutes": 0,
    },
    "booking_requests": [
        {
            "request_status": "ACCEPTED",
            "booking_request": BOOKING_REQUEST | {"request_id": "R-9"},
            "request_received": "2026-02-03T12:00:00Z",
        }
    ],
    "last_updated": "2026-02-03T12:00:00Z",
}
CALENDAR: Document = {
    "id": "C1",
    "begin_from": "2026-02-03T00:00:00Z",
    "end_before": "2026-02-10T00:00:00Z",
    "timeslot_increment": 15,
    "available_timeslots": [
        {"start_date_time": "2026-02-03T14:00:00Z", "end_date_time": "2026-02-03T18:00:00Z"}
    ],
    "last_updated": "2026-02-03T12:00:00Z",
}
BOOKING_LOCATION: Document = {
    "country_code": "SE",
    "party_id": "ELS",
    "id": "BL9",
    "location_id": "L9",
    "calendars": [CALENDAR],
    "last_updated": "2026-02-03T12:00:00Z",
}
