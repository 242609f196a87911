"""CDRs to and from the model."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from elstrada.model import cdr as m_cdr
from elstrada.model import location as m_location
from elstrada.model import token as m_token
from elstrada.model.ids import PartyId
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.language import RefOf
from elstrada.ocpi.scalars import Instant, fits, number, same
from elstrada.ocpi.v211 import cdrs, locations, tariffs
from elstrada.ocpi.v211.translate.places import (
    UNTOLD,
    is_told,
    place_losses,
    place_to_wire,
    unkept_losses,
    used_of,
)
from elstrada.ocpi.v211.translate.sessions import (
    method_to_wire,
    period_from_wire,
    periods_to_wire,
    price_from_wire,
    price_to_wire,
    shared_losses,
)
from elstrada.ocpi.v211.translate.tariffs import tariff_from_wire, tariff_to_wire
from elstrada.ocpi.v211.translate.values import missing
from elstrada.ocpi.v221.translate.values import closed, number_or_none

_LATER = (
    *("session_id", "authorization_reference", "signed_data", "total_fixed_cost", "total_energy_cost"),
    *("total_time_cost", "total_parking_cost", "total_reservation_cost", "invoice_reference_id", "credit"),
    *("credit_reference_id", "home_charging_compensation"),
)


_USED = (
    *("evse_uid", "evse_id", "connector_id"),
    *("connector_standard", "connector_format", "connector_power_type"),
)


def cdr_from_wire(
    wire: cdrs.Cdr, ref_of: RefOf, of: PartyId, identity: m_token.TokenIdentity
) -> tuple[Translated[m_cdr.Cdr], m_token.TokenIdentity]:
    """A CDR of a token that the reader has found by ``auth_id``.

    Raises:
        Mismatch: it does not say when it ended, or a value has no meaning.
    """
    ended = wire.stop_date_time or wire.end_date_time
    if ended is None:
        raise Mismatch("Object missing required field `stop_date_time`")
    value = m_cdr.Cdr(
        party=of,
        id=wire.id,
        start_date_time=wire.start_date_time.at,
        end_date_time=ended.at,
        token_ref=ref_of(identity.uid),
        token_party=identity.party,
        auth_method=closed(m_token.AuthMethod, wire.auth_method, "/auth_method"),
        cdr_location=_place_from_wire(wire.location),
        time_zone=wire.location.time_zone,
        meter_id=wire.meter_id,
        currency=wire.currency,
        tariffs=tuple(tariff_from_wire(tariff, of).value for tariff in wire.tariffs),
        charging_periods=tuple(map(period_from_wire, wire.charging_periods)),
        total_cost=price_from_wire(wire.total_cost),
        total_energy=wire.total_energy,
        total_time=wire.total_time,
        total_parking_time=wire.total_parking_time,
        remark=wire.remark,
        last_updated=wire.last_updated.at,
    )
    return Translated(value, tuple(_read_losses(wire))), identity


def cdr_to_wire(
    cdr: m_cdr.Cdr, identity: m_token.TokenIdentity, place: m_location.Location | None
) -> Translated[cdrs.Cdr]:
    """A CDR.

    Args:
        place: its location as it is now, for what the CDR itself does not hold of the connector.
    """
    written = tuple(tariff_to_wire(tariff) for tariff in cdr.tariffs)
    # The cost stands in the CDR itself; a tariff that would be misread explains nothing.
    told = tuple(tariff.value for tariff in written if not tariff.misleads)
    known = _known_connector(cdr.cdr_location, place)
    at = _location_of(cdr, known, told)
    where = place_to_wire(at, cdr.cdr_location.evse_uid, cdr.cdr_location.connector_id)
    value = cdrs.Cdr(
        id=cdr.id,
        start_date_time=Instant(cdr.start_date_time),
        stop_date_time=Instant(cdr.end_date_time),
        auth_id=identity.contract_id,
        auth_method=method_to_wire(cdr.auth_method),
        location=msgspec.structs.replace(where.value, time_zone=cdr.time_zone),
        meter_id=cdr.meter_id,
        currency=cdr.currency,
        tariffs=told,
        charging_periods=periods_to_wire(cdr.charging_periods) or _whole(cdr),
        total_cost=price_to_wire(cdr.total_cost),
        total_energy=number(cdr.total_energy),
        total_time=number(cdr.total_time),
        total_parking_time=number_or_none(cdr.total_parking_time),
        remark=_remark(cdr),
        last_updated=Instant(cdr.last_updated),
    )
    losses = [
        Loss("/token_ref", "2.1.1 names the contract, and not which of its tokens"),
        *shared_losses(cdr),
        *missing(cdr, _LATER),
        *(Loss(f"/cdr_location{loss.pointer}", loss.note) for loss in where.losses),
        *_tariff_losses(written),
        *_own_losses(cdr, value),
    ]
    if not is_told(where.value):
        losses += [Loss(f"/cdr_location/{name}", "cannot be told in 2.1.1") for name in _USED]
    elif known is None:
        losses.append(Loss("/cdr_location/connector_id", "its voltage and amperage are not known: 0 is told"))
    return Translated(value, tuple(losses))


def _own_losses(cdr: m_cdr.Cdr, written: cdrs.Cdr) -> Iterator[Loss]:
    if not periods_to_wire(cdr.charging_periods):
        yield Loss("/charging_periods", "the whole session is told as one")
    if written.remark != cdr.remark:
        yield Loss("/remark", "says which CDR is credited, for which 2.1.1 has no field")
    if len(cdr.id) > cdrs.ID:
        yield Loss("/id", f"longer than the {cdrs.ID} characters that 2.1.1 allows, and not cut")
    for name in ("total_energy", "total_time", "total_parking_time"):
        total: Decimal | None = getattr(cdr, name)
        if total is not None and not fits(total):
            yield Loss(f"/{name}", "rounded to four decimals")


def _tariff_losses(written: tuple[Translated[object], ...]) -> Iterator[Loss]:
    for index, tariff in enumerate(written):
        if tariff.misleads:
            yield Loss(f"/tariffs/{index}", "left out: 2.1.1 would misread it")
        for loss in tariff.losses:
            yield Loss(f"/tariffs/{index}{loss.pointer}", loss.note)


def _read_losses(wire: cdrs.Cdr) -> Iterator[Loss]:
    yield from place_losses(wire.location, "/location")
    yield from unkept_losses(wire.location, "/location")
    if wire.stop_date_time is None:
        yield Loss("/stop_date_time", "told as end_date_time, which is its later name")
        yield Loss("/end_date_time", "read as stop_date_time")
    if wire.location.postal_code is None:
        yield Loss("/location/postal_code", "demanded, and not told")
    evse, _ = used_of(wire.location)
    if evse is not None and evse.evse_id is None:
        yield Loss("/location/evses/0/evse_id", "not told; the uid stands for it")


def _place_from_wire(wire: locations.Location) -> m_cdr.CdrLocation:
    evse, connector = used_of(wire)
    return m_cdr.CdrLocation(
        id=wire.id,
        name=wire.name,
        address=wire.address,
        city=wire.city,
        postal_code=wire.postal_code or None,
        country=wire.country,
        coordinates=wire.coordinates,
        evse_uid=UNTOLD if evse is None else evse.uid,
        evse_id=UNTOLD if evse is None else evse.evse_id or evse.uid,
        connector_id=UNTOLD if connector is None else connector.id,
        connector_standard=UNTOLD if connector is None else connector.standard,
        connector_format=UNTOLD if connector is None else connector.format,
        connector_power_type=UNTOLD if connector is None else connector.power_type or UNTOLD,
    )


def _known_connector(
    told: m_cdr.CdrLocation, place: m_location.Location | None
) -> m_location.Connector | None:
    """The connector as the location has it now."""
    evses = () if place is None else place.evses
    found = (
        connector
        for evse in evses
        if same(evse.uid, told.evse_uid)
        for connector in evse.connectors
        if same(connector.id, told.connector_id)
    )
    return next(found, None)


def _location_of(
    cdr: m_cdr.Cdr, known: m_location.Connector | None, told_tariffs: tuple[tariffs.Tariff, ...]
) -> m_location.Location:
    """The CDR's place as a location: all as at the session's start (R-43), but for what only now is known."""
    told = cdr.cdr_location
    connector = m_location.Connector(
        id=told.connector_id,
        standard=told.connector_standard,
        format=told.connector_format,
        power_type=told.connector_power_type,
        max_voltage=0 if known is None else known.max_voltage,
        max_amperage=0 if known is None else known.max_amperage,
        tariff_ids=tuple(tariff.id for tariff in told_tariffs)[:1],
        last_updated=cdr.last_updated,
    )
    evse = m_location.Evse(
        uid=told.evse_uid,
        evse_id=told.evse_id or None,
        status=m_location.EvseStatus.UNKNOWN,
        connectors=(connector,),
        last_updated=cdr.last_updated,
    )
    return m_location.Location(
        party=cdr.party,
        id=told.id,
        name=told.name,
        address=told.address,
        city=told.city,
        postal_code=told.postal_code,
        state=told.state,
        country=told.country,
        coordinates=told.coordinates,
        evses=(evse,),
        time_zone=cdr.time_zone or "UTC",
        last_updated=cdr.last_updated,
    )


def _whole(cdr: m_cdr.Cdr) -> tuple[cdrs.ChargingPeriod, ...]:
    """The whole session as one period: a CDR has at least one."""
    energy = cdrs.CdrDimension("ENERGY", number(cdr.total_energy))
    return (cdrs.ChargingPeriod(start_date_time=Instant(cdr.start_date_time), dimensions=(energy,)),)


def _remark(cdr: m_cdr.Cdr) -> str | None:
    """The remark; a credit CDR has no other place to say what it credits (R-42)."""
    if not cdr.credit:
        return cdr.remark
    said = f"Credit of CDR {cdr.credit_reference_id or '?'}"
    return f"{said}. {cdr.remark}"[: cdrs.REMARK] if cdr.remark else said
