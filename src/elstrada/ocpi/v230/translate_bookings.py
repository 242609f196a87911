"""Bookings to and from the model."""

from __future__ import annotations

from decimal import Decimal

from elstrada.model import booking as m
from elstrada.model.ids import PartyId
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.findings import Translated
from elstrada.ocpi.scalars import Instant, number, whole
from elstrada.ocpi.v221.translate.tokens import identity_from_wire, identity_to_wire
from elstrada.ocpi.v221.translate.values import closed, maybe, number_or_none, party_of
from elstrada.ocpi.v230 import bookings as w

# --- booking locations ------------------------------------------------------------------------------


def booking_location_from_wire(wire: w.BookingLocation) -> Translated[m.BookingLocation]:
    value = m.BookingLocation(
        party=party_of(wire.country_code, wire.party_id),
        id=wire.id,
        location_id=wire.location_id,
        option=wire.booking_option,
        policy=wire.policy,
        tariff_ids=wire.tariff_ids,
        terms=wire.booking_terms,
        calendars=tuple(calendar_from_wire(calendar) for calendar in wire.calendars),
        last_updated=wire.last_updated.at,
    )
    return Translated(value)


def booking_location_to_wire(value: m.BookingLocation) -> Translated[w.BookingLocation]:
    wire = w.BookingLocation(
        country_code=value.party.country_code,
        party_id=value.party.party_id,
        id=value.id,
        location_id=value.location_id,
        booking_option=value.option,
        policy=value.policy,
        tariff_ids=value.tariff_ids,
        booking_terms=value.terms,
        calendars=tuple(calendar_to_wire(calendar) for calendar in value.calendars),
        last_updated=Instant(value.last_updated),
    )
    return Translated(wire)


def calendar_from_wire(wire: w.Calendar) -> m.Calendar:
    return m.Calendar(
        id=wire.id,
        begin_from=wire.begin_from.at,
        end_before=wire.end_before.at,
        timeslot_increment=maybe(whole, wire.timeslot_increment),
        available_timeslots=tuple(_slot_from_wire(slot) for slot in wire.available_timeslots),
        last_updated=wire.last_updated.at,
    )


def calendar_to_wire(value: m.Calendar) -> w.Calendar:
    increment = value.timeslot_increment
    return w.Calendar(
        id=value.id,
        begin_from=Instant(value.begin_from),
        end_before=Instant(value.end_before),
        timeslot_increment=None if increment is None else number(Decimal(increment)),
        available_timeslots=tuple(_slot_to_wire(slot) for slot in value.available_timeslots),
        last_updated=Instant(value.last_updated),
    )


def _slot_from_wire(wire: w.Timeslot) -> m.Timeslot:
    period = _period(wire)
    return m.Timeslot(period, wire.min_power, wire.max_power, wire.green_energy_support)


def _slot_to_wire(value: m.Timeslot) -> w.Timeslot:
    return w.Timeslot(
        start_date_time=Instant(value.period.start),
        end_date_time=Instant(value.period.end),
        min_power=number_or_none(value.min_power),
        max_power=number_or_none(value.max_power),
        green_energy_support=value.green_energy_support,
    )


def _period(wire: w.Timeslot | w.Period) -> m.Period:
    start, end = wire.start_date_time.at, wire.end_date_time.at
    if end <= start:
        raise Mismatch("the end is not after the start - at `$.period`")
    return m.Period(start, end)


# --- bookings ---------------------------------------------------------------------------------------


def booking_from_wire(wire: w.Booking) -> Translated[m.Booking]:
    value = m.Booking(
        party=party_of(wire.country_code, wire.party_id),
        id=wire.id,
        request_id=wire.request_id,
        option=wire.booking_option,
        location_id=wire.location_id,
        tokens=tuple(identity_from_wire(token) for token in wire.booking_tokens),
        tariff_ids=wire.tariff_ids,
        slot=_slot_from_wire(wire.period),
        state=closed(m.BookingState, wire.reservation_status, "/reservation_status"),
        canceled=maybe(_cancellation_from_wire, wire.canceled),
        access_information=wire.access_information,
        authorization_reference=wire.authorization_reference,
        terms=wire.booking_terms,
        requests=tuple(_record_from_wire(entry) for entry in wire.booking_requests),
        last_updated=wire.last_updated.at,
    )
    return Translated(value)


def booking_to_wire(value: m.Booking) -> Translated[w.Booking]:
    wire = w.Booking(
        id=value.id,
        country_code=value.party.country_code,
        party_id=value.party.party_id,
        request_id=value.request_id,
        booking_option=value.option,
        location_id=value.location_id,
        booking_tokens=tuple(identity_to_wire(token) for token in value.tokens),
        tariff_ids=value.tariff_ids,
        period=_slot_to_wire(value.slot),
        reservation_status=value.state.value,
        canceled=maybe(_cancellation_to_wire, value.canceled),
        access_information=value.access_information,
        authorization_reference=value.authorization_reference,
        booking_terms=value.terms,
        booking_requests=tuple(_record_to_wire(entry) for entry in value.requests),
        last_updated=Instant(value.last_updated),
    )
    return Translated(wire)


def request_from_wire(wire: w.BookingRequest) -> m.BookingRequest:
    return m.BookingRequest(
        party=_emsp(wire),
        request_id=wire.request_id,
        option=wire.booking_option,
        location_id=wire.location_id,
        booking_location_id=wire.booking_location_id,
        tokens=tuple(identity_from_wire(token) for token in wire.tokens),
        access_information=wire.access_information,
        period=_period(wire.period),
        authorization_reference=wire.authorization_reference,
        power_required=maybe(whole, wire.power_required),
        canceled=maybe(_cancellation_from_wire, wire.canceled),
    )


def request_to_wire(value: m.BookingRequest) -> w.BookingRequest:
    power = value.power_required
    return w.BookingRequest(
        country_code=value.party.country_code,
        party_id=value.party.party_id,
        request_id=value.request_id,
        booking_option=value.option,
        location_id=value.location_id,
        booking_location_id=value.booking_location_id,
        tokens=tuple(identity_to_wire(token) for token in value.tokens),
        access_information=value.access_information,
        period=w.Period(Instant(value.period.start), Instant(value.period.end)),
        authorization_reference=value.authorization_reference,
        power_required=None if power is None else Decimal(power),
        canceled=maybe(_cancellation_to_wire, value.canceled),
    )


def _emsp(wire: w.BookingRequest) -> PartyId:
    return party_of(wire.country_code, wire.party_id)


def _record_from_wire(wire: w.BookingRequestStatus) -> m.RequestRecord:
    state = closed(m.RequestState, wire.request_status, "/booking_requests/request_status")
    return m.RequestRecord(state, request_from_wire(wire.booking_request), wire.request_received.at)


def _record_to_wire(value: m.RequestRecord) -> w.BookingRequestStatus:
    return w.BookingRequestStatus(
        request_status=value.state.value,
        booking_request=request_to_wire(value.request),
        request_received=Instant(value.received_at),
    )


def _cancellation_from_wire(wire: w.Cancellation) -> m.Cancellation:
    """A reason that is none of the standard's is UNKNOWN, as it demands."""
    known = frozenset(m.CanceledReason)
    told = wire.cancellation_reason
    return m.Cancellation(
        m.CanceledReason(told) if told in known else m.CanceledReason.UNKNOWN, wire.who_canceled
    )


def _cancellation_to_wire(value: m.Cancellation) -> w.Cancellation:
    return w.Cancellation(value.reason.value, value.by)
