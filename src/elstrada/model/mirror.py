"""A station's mirror: what it has in store, as far as it told us. Not history; made again by asking it again."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum

import msgspec


class ItemKind(StrEnum):
    """What can lie in a station."""

    VARIABLE = "VARIABLE"
    """A variable of its device model; in OCPP 1.6 a configuration key."""
    MONITOR = "MONITOR"
    CERTIFICATE = "CERTIFICATE"
    DISPLAY_MESSAGE = "DISPLAY_MESSAGE"
    DER_CONTROL = "DER_CONTROL"
    """A control of the grid. Source: OCPP 2.1 part 2, R."""
    EVENT_STREAM = "EVENT_STREAM"
    """A variable whose values the station sends at intervals, with the latest of them."""
    BATTERY = "BATTERY"
    """A battery that stands in a station to be swapped."""
    CUSTOMER_INFORMATION = "CUSTOMER_INFORMATION"
    """What a station knows of a customer. Personal data, and erased after a while."""
    BUYER = "BUYER"
    """Which company a receipt shall name, by the payment. It may be a person, so it is erased after a while."""
    VENDOR_DATA = "VENDOR_DATA"
    """The latest that a vendor's extension said, by vendor and message. Nobody knows what is in it."""
    TARIFF = "TARIFF"
    """A tariff by which the station itself prices (OCPP 2.1)."""
    CHARGING_PROFILE = "CHARGING_PROFILE"
    EV_NEEDS = "EV_NEEDS"
    """What the car at an EVSE needs, by EVSE; gone with its session."""
    EV_SCHEDULE = "EV_SCHEDULE"
    """How it said that it will charge; likewise."""
    PRIORITY_CHARGING = "PRIORITY_CHARGING"
    """A session whose driver is in a hurry, by the station's name of it; likewise (OCPP 2.1 K21)."""
    ALLOWED_TRANSFER = "ALLOWED_TRANSFER"
    """Which ways of energy transfer we allowed a session, likewise (OCPP 2.1, block Q)."""
    NETWORK_PROFILE = "NETWORK_PROFILE"
    """How it can come to a CSMS, by slot: what was set and accepted (``model.network``)."""


class Attribute(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One attribute of a variable."""

    type: str = "Actual"
    """Actual, Target, MinSet or MaxSet."""
    value: str | None = None
    """None: not told, or a secret, which no station should tell."""
    mutability: str | None = None
    """ReadOnly, WriteOnly or ReadWrite."""
    persistent: bool | None = None
    constant: bool | None = None
    pending: bool = False
    """Accepted, and in force after the next reboot."""


class Characteristics(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a variable can be. Source: OCPP 2.0.1 part 2, VariableCharacteristicsType."""

    data_type: str
    unit: str | None = None
    min_limit: str | None = None
    max_limit: str | None = None
    values_list: str | None = None
    supports_monitoring: bool = False


class Variable(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A variable, by component and place. A configuration key of OCPP 1.6 has no component."""

    component: str | None = None
    component_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    name: str
    instance: str | None = None
    attributes: tuple[Attribute, ...] = ()
    characteristics: Characteristics | None = None

    @property
    def key(self) -> str:
        """``EVSE@1/Power``, ``Connector@1.2/Available``, ``OCPPCommCtrlr/NetworkConfiguration[1]``; or the key of 1.6."""
        name = _with_instance(self.name, self.instance)
        if self.component is None:
            return name
        place = "" if self.evse_id is None else f"@{self.evse_id}"
        place += "" if self.connector_id is None else f".{self.connector_id}"
        return f"{_with_instance(self.component, self.component_instance)}{place}/{name}"

    @classmethod
    def named(cls, key: str) -> Variable:
        """The variable of a key.

        Raises:
            ValueError: no variable has such a key.
        """
        found = _KEY.fullmatch(key)
        if found is None:
            raise ValueError(
                f"not a variable: {key[:60]!r}; expected a 1.6 key, or Component[instance]@evse.connector/Name[instance]"
            )
        evse, connector = found["evse"], found["connector"]
        return cls(
            component=_named(found["component"]),
            component_instance=_named(found["component_instance"]),
            evse_id=None if evse is None else int(evse),
            connector_id=None if connector is None else int(connector),
            name=_named(found["name"]) or "",
            instance=_named(found["instance"]),
        )

    def onto(self, older: Variable) -> Variable:
        """What is known once this was told: the attributes told now, and of the rest what was known."""
        known = {attribute.type: attribute for attribute in older.attributes}
        for told in self.attributes:
            before = known.get(told.type)
            known[told.type] = told if before is None else _onto(told, before)
        characteristics = self.characteristics or older.characteristics
        return msgspec.structs.replace(
            self, attributes=tuple(known.values()), characteristics=characteristics
        )


_KEY = re.compile(
    r"(?:(?P<component>[^\[\]/@]{1,50})(?:\[(?P<component_instance>[^\[\]]{1,50})\])?"
    r"(?:@(?P<evse>[0-9]{1,4})(?:\.(?P<connector>[0-9]{1,4}))?)?/)?"
    r"(?P<name>[^\[\]/@]{1,50})(?:\[(?P<instance>[^\[\]]{1,50})\])?"
)


class Monitor(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A monitor set on a variable."""

    id: int
    variable: str
    """The variable's key."""
    type: str
    """UpperThreshold, LowerThreshold, Delta, Periodic, PeriodicClockAligned, TargetDelta or TargetDeltaRelative."""
    value: str
    severity: int
    transaction: bool = False
    """Only while a session runs."""


class DerControl(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A control of the grid, as set."""

    id: str
    type: str
    is_default: bool
    """In force unless a scheduled one is."""
    superseded: bool = False
    terms: msgspec.Raw
    """The control itself, in OCPP's words."""


class Battery(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A battery to be swapped."""

    serial: str
    evse_id: int
    """The slot it stands in."""
    soc_percent: str
    """How full it is."""
    soh_percent: str
    """How much of its first capacity is left."""
    produced: str | None = None
    """When it was made, as the station says."""


class Stream(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A stream of a variable's values."""

    id: int
    monitor: int | None = None
    """Number of the monitor on the variable, which says of what the values are; None: told before."""
    interval_s: int | None = None
    values_per_message: int | None = None
    latest: tuple[tuple[datetime, str], ...] = ()
    """The newest values, the newest last."""

    def onto(self, older: Stream) -> Stream:
        """What is known once this was told."""
        return Stream(
            id=self.id,
            monitor=older.monitor if self.monitor is None else self.monitor,
            interval_s=older.interval_s if self.interval_s is None else self.interval_s,
            values_per_message=self.values_per_message or older.values_per_message,
            latest=(*older.latest, *self.latest)[-KEPT_VALUES:],
        )


KEPT_VALUES = 50
"""Values remembered of a stream."""


class Item(msgspec.Struct, frozen=True):
    """One thing in a station."""

    kind: ItemKind
    key: str
    """Unique for the kind and the station."""
    document: str
    """JSON: a Variable, a Monitor, or what the station said, without secrets."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a report that comes in several."""

    kind: ItemKind
    request_id: int
    seq_no: int | None
    """From 0; None where the messages are not numbered."""
    last: bool


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """A report the station has agreed to make."""

    kind: ItemKind
    request_id: int
    whole: bool
    """Everything of the kind was asked for: what the report does not name, the station does not have."""


class Cleared(msgspec.Struct, frozen=True):
    """All items of a kind are gone whose document has these fields, whatever else it has."""

    kind: ItemKind
    fields: tuple[tuple[str, str | int | bool | None], ...] = ()


class Adjusted(msgspec.Struct, frozen=True):
    """A dynamic charging profile says something else now; one that is not known stays unknown."""

    profile_id: int
    update: str
    """A ChargingScheduleUpdateType as JSON."""


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What one message, or the answer to one of ours, tells of a station's store."""

    items: tuple[Item, ...] = ()
    gone: tuple[tuple[ItemKind, str], ...] = ()
    """Kind and key of what is no longer there."""
    cleared: tuple[Cleared, ...] = ()
    """What is gone by what it was; items told in the same message stay."""
    adjusted: Adjusted | None = None
    replaces: frozenset[ItemKind] = frozenset()
    """Of these kinds the station has the items named, and nothing else."""
    part: Part | None = None
    expected: Expected | None = None


def _with_instance(name: str, instance: str | None) -> str:
    return _plain(name) if instance is None else f"{_plain(name)}[{_plain(instance)}]"


_SIGNS = re.compile(r"[%/@\[\]\x00-\x1f\x7f]")


def _plain(name: str) -> str:
    """A name without the signs that part a key's parts, which stand as in URLs: two names never make one key."""
    return _SIGNS.sub(lambda found: f"%{ord(found[0]):02X}", name)


def _named(plain: str | None) -> str | None:
    return None if plain is None else re.sub(r"%([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), plain)


def _onto(told: Attribute, before: Attribute) -> Attribute:
    return msgspec.structs.replace(
        told,
        mutability=told.mutability or before.mutability,
        persistent=before.persistent if told.persistent is None else told.persistent,
        constant=before.constant if told.constant is None else told.constant,
    )
