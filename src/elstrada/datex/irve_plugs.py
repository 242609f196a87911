"""Plugs and power of an IRVE charge point, as connectors.

The register gives one power for the point and a yes or no for each kind of plug. OCPI wants volts and
amperes of each connector; they are derived here and are those of an ordinary plug of that power.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation

import msgspec

from elstrada.datex.defects import Rule, Severity
from elstrada.datex.irve_rows import Row
from elstrada.model.location import Connector

POWER_IN_WATTS = Rule("Q-01", Severity.MENDED, "the power is above 1000 kW: it is in W")
POWER_ABOVE_PLUG = Rule("Q-02", Severity.DOUBTFUL, "the power is above what the point's AC plugs carry")
POWER_MISSING = Rule("Q-03", Severity.DOUBTFUL, "the power is missing or no power")
NO_PLUG = Rule("I-05", Severity.REJECTED, "no kind of plug is named")
PLUG_BY_CABLE = Rule("I-05", Severity.MENDED, "no kind of plug is named, but a type 2 cable is attached")
OTHER_PLUG = Rule("I-06", Severity.DOUBTFUL, "the only plug is of a kind the schema does not name")


class Plug(msgspec.Struct, frozen=True):
    """A kind of plug that the schema names."""

    field: str
    standard: str
    format: str
    volts: int
    """AC: between a phase and neutral; DC: the highest."""
    amps: int
    """Where the power does not tell."""
    ac_limit_w: int | None = None
    """The most it carries on AC; None for DC."""


PLUGS = (
    Plug("prise_type_ef", "DOMESTIC_E", "SOCKET", 230, 16, 3_700),
    Plug("prise_type_2", "IEC_62196_T2", "SOCKET", 230, 32, 43_500),
    Plug("prise_type_combo_ccs", "IEC_62196_T2_COMBO", "CABLE", 920, 125),
    Plug("prise_type_chademo", "CHADEMO", "CABLE", 500, 125),
    # No standard's name, but OCPI's ConnectorType is open, and no guess is made.
    Plug("prise_type_autre", "OTHER", "CABLE", 400, 125),
)
_TYPE_2 = PLUGS[1]
_AMPERE_STEPS = (6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 63)
_ONE_PHASE_UP_TO_W = 7_500
_BATTERY_V = 400
"""Of an ordinary car: a DC plug's current follows from it."""
_MAX_DC_AMPS = 500


def read_connectors(row: Row, changed: datetime) -> tuple[Connector, ...]:
    """The point's connectors; none if its row names no plug, which is noted as a rejection."""
    plugs = _plugs(row)
    if not plugs:
        return ()
    power_w = _power_w(row)
    limits = [plug.ac_limit_w for plug in plugs]
    if power_w is not None and None not in limits and power_w > max(filter(None, limits)):
        row.note(POWER_ABOVE_PLUG, "puissance_nominale", "the power is left out")
        power_w = None
    cable = row.yes("cable_t2_attache")
    return tuple(
        _connector(str(number), plug, _share(plug, power_w), cable=cable, changed=changed)
        for number, plug in enumerate(plugs, 1)
    )


def _plugs(row: Row) -> list[Plug]:
    plugs = [plug for plug in PLUGS if row.yes(plug.field)]
    if not plugs and row.yes("cable_t2_attache"):
        row.note(PLUG_BY_CABLE, "cable_t2_attache", "taken as a type 2 cable")
        return [_TYPE_2]
    if not plugs:
        row.note(NO_PLUG, "prise_type_2", "not taken over: no car could be told that it fits")
    elif plugs == [PLUGS[-1]]:
        row.note(OTHER_PLUG, "prise_type_autre", "taken as a connector of standard OTHER")
    return plugs


def _power_w(row: Row) -> int | None:
    text = row.raw("puissance_nominale").replace(",", ".")
    try:
        power = Decimal(text)
    except InvalidOperation:
        power = Decimal(0)
    if not power.is_finite() or not 0 < power <= 1_000_000:
        row.note(POWER_MISSING, "puissance_nominale", "the power is left out")
        return None
    if power > 1000:
        row.note(POWER_IN_WATTS, "puissance_nominale", f"taken as {round(power)} W")
        return round(power)
    return round(power * 1000)


def _share(plug: Plug, power_w: int | None) -> int | None:
    """The part of the point's power that is known to be this plug's.

    A point with CCS and type 2 has one power in the register, which then is that of CCS.
    """
    if power_w is None or (plug.ac_limit_w is not None and power_w > plug.ac_limit_w):
        return None
    return power_w


def _connector(
    connector_id: str, plug: Plug, power_w: int | None, *, cable: bool, changed: datetime
) -> Connector:
    power_type, amps = _electricity(plug, power_w)
    return Connector(
        id=connector_id,
        standard=plug.standard,
        format="CABLE" if cable and plug is _TYPE_2 else plug.format,
        power_type=power_type,
        max_voltage=plug.volts,
        max_amperage=amps,
        max_electric_power=power_w,
        last_updated=changed,
    )


def _electricity(plug: Plug, power_w: int | None) -> tuple[str, int]:
    """Power type and amperes that make ``power_w`` with this plug."""
    if plug.ac_limit_w is None:
        amps = plug.amps if power_w is None else min(_MAX_DC_AMPS, -(-power_w // _BATTERY_V))
        return "DC", amps
    if plug is not _TYPE_2:
        return "AC_1_PHASE", plug.amps if power_w is None else _fuse(power_w / plug.volts)
    if power_w is None:
        return "AC_3_PHASE", plug.amps
    if power_w <= _ONE_PHASE_UP_TO_W:
        return "AC_1_PHASE", _fuse(power_w / plug.volts)
    return "AC_3_PHASE", _fuse(power_w / plug.volts / 3)


def _fuse(amps: float) -> int:
    """The step of ordinary fuses nearest to ``amps``: 22 kW on three phases is 32 A, not 31.9."""
    return min(_AMPERE_STEPS, key=lambda step: abs(step - amps))
