"""What is done about stations' quirks on the wire: messages put right before they are read, calls before they are sent.

Only stations that have a quirk come here. Nothing here raises, whatever a message holds: what cannot be put
right is left as it came, so that the reader says what is wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, TypeGuard, cast

import msgspec

from elstrada.model.quirk import Quirk, Repair
from elstrada.ocpp.meter import ENERGY, PERIODIC
from elstrada.ocpp.schema import parse
from elstrada.ocpp.table import Sendable, Unsendable
from elstrada.ocpp.v16.tokens import MAX_ID_TAG
from elstrada.ocpp.wire import encode

_Object = dict[str, Any]
_METERED = ("meterValue", "transactionData")
"""Fields with meter values, of MeterValues and StopTransaction."""
_BEGIN = "Transaction.Begin"


class Treatment(msgspec.Struct, frozen=True):
    """The quirks of one station, and what has to be known to act on them."""

    quirks: tuple[Quirk, ...]
    zone: tzinfo | None = None
    """Of the station's location; None: nobody knows."""

    @property
    def pinged(self) -> bool:
        return all(quirk.does.pinged for quirk in self.quirks)

    @property
    def mends_frames(self) -> bool:
        return any(Repair.EMPTY_VALUES in quirk.does.repairs for quirk in self.quirks)

    @property
    def mends_messages(self) -> bool:
        return any(quirk.does.repairs or quirk.does.token_tail for quirk in self.quirks)

    def explains(self, action: str, rule: str, pointer: str) -> Quirk | None:
        """The quirk by which a deviation is no news."""
        return next((one for one in self.quirks if one.explains(action, rule, pointer)), None)


# --- from the station -------------------------------------------------------------------------------


def mended_frame(frame: bytes) -> bytes:
    """A frame with null, or nothing, where JSON wants a value and there is none. In time linear in the frame."""
    return _GAP.sub(_filled, frame)


_GAP = re.compile(
    # A string first, or the rest after a quotation mark that none follows: what stands in it is left alone.
    rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
    rb"|:[ \t\r\n]*+(?=[,}])"
    rb"|(?<=[\[{,])[ \t\r\n]*+,|,(?=[ \t\r\n]*+[\]}])",
    re.DOTALL,
)


def _filled(found: re.Match[bytes]) -> bytes:
    text = found.group()
    if text.startswith(b'"'):
        return text
    return b":null" if text.startswith(b":") else b""


def mended(
    action: str, payload: bytes, treatment: Treatment, received_at: datetime
) -> tuple[bytes, tuple[Quirk, ...]]:
    """A message of OCPP 1.6 put right, and the quirks that it had."""
    try:
        document = parse(payload)
    except (ValueError, RecursionError):
        return payload, ()
    if not _is_object(document):
        return payload, ()
    had = tuple(
        quirk for quirk in treatment.quirks if _mend(action, document, quirk, treatment.zone, received_at)
    )
    if not had:
        return payload, ()
    try:
        return encode(document), had
    except (ValueError, OverflowError, msgspec.MsgspecError):  # A number of more than 64 bits.
        return payload, ()


def _mend(action: str, document: _Object, quirk: Quirk, zone: tzinfo | None, received_at: datetime) -> bool:
    """Put right, in place, what a quirk does to a message. True if it did anything."""
    did = [_REPAIRS[repair](document) for repair in sorted(quirk.does.repairs) if repair in _REPAIRS]
    if Repair.LOCAL_TIME in quirk.does.repairs and zone is not None:
        did.append(_zoned(document, zone, received_at))
    if quirk.does.token_tail:
        did.append(_without_tail(document, quirk.does.token_tail))
    return any(did)


def _is_object(value: object) -> TypeGuard[_Object]:
    return isinstance(value, dict)


def _objects(value: object) -> Iterator[_Object]:
    if isinstance(value, list):
        yield from (one for one in cast("list[object]", value) if _is_object(one))


def _meter_values(document: _Object) -> Iterator[_Object]:
    for field in _METERED:
        yield from _objects(document.get(field))


def _sampled(document: _Object) -> Iterator[_Object]:
    for value in _meter_values(document):
        yield from _objects(value.get("sampledValue"))


def _drop_nulls(document: _Object) -> bool:
    gone = [name for name, value in document.items() if value is None]
    for name in gone:
        del document[name]
    return bool(gone)


def _list_lone_objects(document: _Object) -> bool:
    did = _listed(document, _METERED)
    for value in _meter_values(document):
        did |= _listed(value, ("sampledValue",))
    return did


def _listed(holder: _Object, fields: Sequence[str]) -> bool:
    lone = [field for field in fields if _is_object(holder.get(field))]
    for field in lone:
        holder[field] = [holder[field]]
    return bool(lone)


def _write_numbers_out(document: _Object) -> bool:
    did = False
    for sampled in _sampled(document):
        value = sampled.get("value")
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            sampled["value"] = f"{value:f}" if isinstance(value, Decimal) else str(value)
            did = True
    return did


def _say_kwh(document: _Object) -> bool:
    did = False
    for sampled in _sampled(document):
        if sampled.get("measurand", ENERGY) == ENERGY and sampled.get("unit", "Wh") == "Wh":
            sampled["unit"], did = "kWh", True
    for field in ("meterStart", "meterStop"):
        register = document.get(field)
        if isinstance(register, int | Decimal) and not isinstance(register, bool):
            wh = register * 1000
            document[field], did = int(wh) if wh == int(wh) else wh, True
    return did


def _drop_repeated_begin(document: _Object) -> bool:
    did = False
    for value in _objects(document.get("meterValue")):
        samples: object = value.get("sampledValue")
        present = {_shown(one) for one in _objects(samples) if one.get("context", PERIODIC) != _BEGIN}
        again = [one for one in _objects(samples) if one.get("context") == _BEGIN and _shown(one) in present]
        if again:
            value["sampledValue"] = [one for one in cast("list[object]", samples) if one not in again]
            did = True
    return did


def _shown(sampled: Mapping[str, Any]) -> tuple[str, str, str]:
    """What a sampled value is of."""
    phase, location = sampled.get("phase"), sampled.get("location")
    return str(sampled.get("measurand", ENERGY)), str(phase), str(location)


def _zoned(document: _Object, zone: tzinfo, received_at: datetime) -> bool:
    did = False
    for holder in (document, *_meter_values(document)):
        named = _without_zone(holder.get("timestamp"))
        if named is not None:
            holder["timestamp"], did = _in_zone(named, zone, received_at).isoformat(), True
    return did


def _without_zone(text: object) -> datetime | None:
    try:
        named = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return named if named is not None and named.tzinfo is None else None


def _in_zone(named: datetime, zone: tzinfo, received_at: datetime) -> datetime:
    """The hour that autumn has twice is the later one, unless that is still to come."""
    try:
        later = named.replace(tzinfo=zone, fold=1)
        return later if later <= received_at else named.replace(tzinfo=zone, fold=0)
    except OverflowError:
        return named


def _without_tail(document: _Object, tail: str) -> bool:
    token = document.get("idTag")
    if not isinstance(token, str) or len(token) <= MAX_ID_TAG or not token.endswith(tuple(tail)):
        return False
    document["idTag"] = token[:MAX_ID_TAG] + token[MAX_ID_TAG:].rstrip(tail)
    return True


_REPAIRS: Mapping[Repair, Callable[[_Object], bool]] = {
    Repair.EMPTY_VALUES: _drop_nulls,
    Repair.LONE_OBJECTS: _list_lone_objects,
    Repair.NUMBERS_AS_TEXT: _write_numbers_out,
    Repair.KWH_AS_WH: _say_kwh,
    Repair.REPEATED_BEGIN: _drop_repeated_begin,
}


# --- to the station ---------------------------------------------------------------------------------


def bearable(written: Sendable, quirks: Sequence[Quirk], evses: Sequence[int]) -> Sendable | Unsendable:
    """A call as a station with these quirks bears it, or why it is not sent.

    Args:
        evses: those that the station told of.
    """
    named = _with_trigger(written)
    for quirk in quirks:
        why = _unbearable(written, named, quirk)
        if why:
            return Unsendable(f"{why}: {quirk}"[:250])
    wanting = next((one for one in quirks if one.does.names_connector & named), None)
    if wanting is None:
        return written
    fields = cast("_Object", json.loads(written.payload))
    if fields.get("connectorId"):
        return written
    if len(evses) != 1:
        return Unsendable(f"a connector has to be named, of {len(evses)} that are known: {wanting}"[:250])
    return Sendable(written.action, msgspec.json.encode({**fields, "connectorId": evses[0]}))


def _unbearable(written: Sendable, named: frozenset[str], quirk: Quirk) -> str:
    does = quirk.does
    if does.never_called & named:
        return f"{written.action} is not sent"
    if written.action != "GetConfiguration" or (does.asked_all_keys and does.most_keys is None):
        return ""
    asked = len(cast("_Object", json.loads(written.payload)).get("key") or ())
    if not asked and not does.asked_all_keys:
        return "the keys have to be named"
    if does.most_keys is not None and asked > does.most_keys:
        return f"{asked} keys are asked for, and at most {does.most_keys} are answered"
    return ""


def _with_trigger(written: Sendable) -> frozenset[str]:
    """What a call is named in a row: its action, and of a trigger with the message asked for."""
    if written.action != "TriggerMessage":
        return frozenset((written.action,))
    asked = cast("_Object", json.loads(written.payload)).get("requestedMessage")
    return frozenset((written.action, f"{written.action} {asked}"))
