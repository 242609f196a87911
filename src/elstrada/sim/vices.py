"""What faulty stations do, as met in the field. Source: reference, OCPP sections 5 and 6.

A vice changes what a station tells, never what its meter saw: how much of that can be known all the same,
``billable`` says.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from elstrada.sim.station_book import Charged, Kind


class MeterVice(StrEnum):
    TRUE = "true"
    PER_SESSION = "counts each session from 0"
    FALSE_ZERO = "begins at a 0 it never showed (rule 23)"
    SPIKES = "one reading is far too high"
    DIPS = "one reading is far too low"
    RESTARTS = "falls to 0 within the session, and counts on from there"
    KILO = "samples are in kWh, called Wh (rule 26)"
    STOP_ZERO = "0 at the end"
    STOP_SPIKE = "far too high at the end"


class Vices(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a station."""

    meter: MeterVice = MeterVice.TRUE
    stops_again: bool = False
    """Tells an end once more minutes later, under another message id (rule 14)."""
    misnames_stops: int | None = None
    """1.6: names this transaction when one ends, whichever it was (rule 17)."""
    ends_first: bool = False
    """2.x: tells a start when its end has been told (rule 19)."""
    answers_late_s: float = 0.0
    """How long it takes to answer a call (rule 11)."""
    never_answers: bool = False
    """It does what it is called for never, and does not say so."""
    storm: int = 0
    """So many statuses are told at once where one is due."""
    babbles: bool = False
    """Sends frames that are no JSON, no OCPP or against the schema (rules 20, 21)."""
    boots_twice: bool = False
    idle_values: bool = False
    """Tells registers of sockets at which nobody charges (rule 24)."""
    counts_ids: bool = False
    """Its message ids begin at 1 with each line, so that they repeat."""


NONE = Vices()
FAR_WH = 50_000_000
"""No session takes so much."""


def shown_wh(vice: MeterVice, kind: Kind, wh: int, start_wh: int, nth: int) -> int:
    """What a station tells of a register.

    Args:
        wh: what the meter really shows.
        start_wh: what it really showed at the start.
        nth: of the session's samples this is, from 1.
    """
    match vice:
        case MeterVice.PER_SESSION:
            return wh - start_wh
        case MeterVice.FALSE_ZERO if kind is Kind.START:
            return 0
        case MeterVice.SPIKES if kind is Kind.NEWS and nth == 2:
            return wh + FAR_WH
        case MeterVice.DIPS if kind is Kind.NEWS and nth == 2:
            return wh // 3
        case MeterVice.RESTARTS if kind is Kind.STOP or nth > 1:
            return wh - start_wh
        case MeterVice.KILO if kind is Kind.NEWS:
            return wh // 1000
        case MeterVice.STOP_ZERO if kind is Kind.STOP:
            return 0
        case MeterVice.STOP_SPIKE if kind is Kind.STOP:
            return wh + FAR_WH
        case _:
            return wh


def billable(vice: MeterVice, truth: Charged) -> tuple[int, int]:
    """The least and the most energy in Wh that what was told of a session allows, both at most what was drawn."""
    drawn = truth.energy_wh
    assert truth.meter_stop_wh is not None, "it is over"
    match vice:
        case MeterVice.FALSE_ZERO:
            return truth.meter_stop_wh - min((*truth.sampled_wh, truth.meter_stop_wh)), drawn
        case MeterVice.STOP_ZERO | MeterVice.STOP_SPIKE:
            return max((*truth.sampled_wh, truth.meter_start_wh)) - truth.meter_start_wh, drawn
        case MeterVice.RESTARTS:
            return 0, drawn
        case _:
            return drawn, drawn


def babble(old: bool) -> tuple[str, ...]:
    """Frames that nobody can make anything of, or that say something nobody can take."""
    return _BABBLE + (_BABBLE_16 if old else _BABBLE_2)


_BABBLE = (
    "",
    "hello",
    "{}",
    "[]",
    "[2]",
    '[2,"b1"]',
    '[2,"b2","Heartbeat"]',
    '[2,7,"Heartbeat",{}]',
    '[2,"b3","NoSuchAction",{}]',
    '[2,"b4","Heartbeat",[]]',
    '[2,"b5","Heartbeat",{"customData":{"vendorId":"x"},"more":1}]',
    '[3,"nothing-of-yours",{}]',
    '[4,"nothing-of-yours","GenericError","",{}]',
    '[9,"b6","Heartbeat",{}]',
    '[2,"b7","BootNotification",{"reason":3}]',
    '[2,"b8","DataTransfer",{"vendorId":"unheard.of","data":"\\u0000"}]',
    '[2,"b9","Heartbeat",{}',
    "[" * 300,
)
_BABBLE_16 = (
    '[2,"c1","StartTransaction",{}]',
    '[2,"c2","StartTransaction",{"connectorId":"one","idTag":"X","meterStart":0,"timestamp":"now"}]',
    '[2,"c3","StopTransaction",{"meterStop":1}]',
    '[2,"c4","StatusNotification",{"connectorId":1,"errorCode":"Error","status":"Sleeping"}]',
    '[2,"c5","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"1970-01-01","sampledValue":[]}]}]',
    '[2,"c6","MeterValues",{"connectorId":1}]',
    '[2,"c7","Authorize",{"idTag":12}]',
)
_BABBLE_2 = (
    '[2,"c1","TransactionEvent",{}]',
    '[2,"c2","TransactionEvent",{"eventType":"Started","seqNo":0,"triggerReason":"Authorized"}]',
    '[2,"c3","StatusNotification",{"timestamp":"noon","connectorStatus":"Sleeping","evseId":0}]',
    '[2,"c4","MeterValues",{"evseId":0,"meterValue":[]}]',
    '[2,"c5","Authorize",{"idToken":"X"}]',
    '[2,"c6","NotifyEvent",{"eventData":[]}]',
    '[6,"c7","NotifyPeriodicEventStream",{}]',
)
