"""A virtual station that speaks OCPP 1.6J. Source: OCPP 1.6 edition 2, sections 4 to 7."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from elstrada.sim.sockets import Charge, Socket
from elstrada.sim.station_book import Kind, Message, Payload, number, text
from elstrada.sim.station_clock import said, written
from elstrada.sim.stations import VirtualStation
from elstrada.sim.talk import Talk

_REASONS = {"EVDisconnected": "EVDisconnected", "DeAuthorized": "DeAuthorized", "PowerLoss": "PowerLoss"} | {
    reason: reason for reason in ("Local", "Remote", "HardReset", "SoftReset", "UnlockCommand")
}


class Station16(VirtualStation):
    """OCPP 1.6: the operator names the transaction, in the answer to its start."""

    protocol = "ocpp1.6"

    def boot_call(self, reason: str) -> tuple[str, Payload]:
        return "BootNotification", {
            "chargePointVendor": self.habits.make[0],
            "chargePointModel": self.habits.make[1],
            "chargePointSerialNumber": self.station_id[:25],
            "firmwareVersion": "1.0",
        }

    def status_of(self, socket: Socket) -> tuple[str, Payload]:
        return "StatusNotification", {
            "connectorId": socket.evse_id,
            "errorCode": "NoError",
            "status": socket.status,
            "timestamp": self._written(self.time.now()),
        }

    async def authorized(self, talk: Talk, token_uid: str, evse_id: int) -> bool:
        answer = await talk.call(self.message_id(), "Authorize", {"idTag": token_uid})
        return text(answer, "idTagInfo", "status") == "Accepted"

    def tell_start(self, charge: Charge) -> None:
        truth = charge.truth
        shown = self.shown_wh(charge, Kind.START, truth.meter_start_wh)
        payload: Payload = {
            "connectorId": truth.evse_id,
            "idTag": truth.token_uid,
            "meterStart": shown,
            "timestamp": self._written(self.time.at(truth.started_at)),
        }
        self._keep(Kind.START, "StartTransaction", payload, charge, (shown,))

    def tell_authorized(self, charge: Charge) -> None:
        """Nothing: in 1.6 a session begins with its token."""

    def tell_sample(self, charge: Charge) -> None:
        register = self.shown_wh(charge, Kind.NEWS, charge.register_wh(self.clock.now()))
        value = self._meter_value(charge, "Sample.Periodic", register)
        charge.samples.append(value)
        payload: Payload = {"connectorId": charge.truth.evse_id, "meterValue": [value]}
        self._keep(Kind.NEWS, "MeterValues", payload, charge, (register,))

    def tell_full(self, charge: Charge) -> None:
        self.tell_sample(charge)

    def tell_stop(self, charge: Charge) -> None:
        truth = charge.truth
        assert truth.ended_at is not None
        assert truth.meter_stop_wh is not None
        shown = self.shown_wh(charge, Kind.STOP, truth.meter_stop_wh)
        payload: Payload = {
            "idTag": truth.token_uid,
            "meterStop": shown,
            "timestamp": self._written(self.time.at(truth.ended_at)),
            "reason": _REASONS.get(charge.reason, "Other"),
        }
        if self.habits.sends_data_with_stop and charge.samples:
            payload["transactionData"] = list(charge.samples)
        if self.habits.forgets_transaction and charge.reason == "PowerLoss":
            payload["transactionId"] = -1
        elif self.habits.vices.misnames_stops is not None:
            payload["transactionId"] = self.habits.vices.misnames_stops
        self._keep(Kind.STOP, "StopTransaction", payload, charge, (shown,))

    def payload_of(self, message: Message) -> Payload:
        """Fill in the transaction's number, which the operator gave when the start was acknowledged."""
        unnamed = self.habits.forgets_to_name_transaction and message.kind is Kind.NEWS
        if message.kind is Kind.START or unnamed or "transactionId" in message.payload:
            return message.payload
        named = message.of.transaction_id
        return message.payload | {"transactionId": int(named) if named is not None else -1}

    def acknowledged(self, message: Message, answer: Payload) -> None:
        if message.kind is not Kind.START:
            return
        given = number(answer, "transactionId")
        if message.of.transaction_id is None and given is not None:
            message.of.transaction_id = str(given)
        charge = self.charge_of(message.of)
        if (
            charge is not None
            and text(answer, "idTagInfo", "status") != "Accepted"
            and self.habits.stops_refused
        ):
            charge.stop("DeAuthorized")

    def answer(self, action: str, payload: Payload) -> Payload | None:
        served = _COMMANDS.get(action)
        return served(self, payload) if served is not None else None

    def _keep(
        self, kind: Kind, action: str, payload: Payload, charge: Charge, registers: tuple[int, ...]
    ) -> None:
        self.keep(Message(kind=kind, action=action, payload=payload, of=charge.truth, registers=registers))

    def idle_value(self, socket: Socket) -> tuple[str, Payload]:
        values = [_value("Energy.Active.Import.Register", socket.register_wh, "Wh", "Sample.Clock")]
        value: Payload = {"timestamp": self._written(self.time.now()), "sampledValue": values}
        return "MeterValues", {"connectorId": socket.evse_id, "meterValue": [value]}

    def _meter_value(self, charge: Charge, context: str, register_wh: int) -> Payload:
        """Register, power, current and voltage; the state of charge where the station knows it."""
        now = self.clock.now()
        elapsed_s = charge.elapsed_s(now)
        power_w = charge.curve.power_w(elapsed_s)
        values: list[Payload] = [
            _value("Energy.Active.Import.Register", register_wh, "Wh", context),
            _value("Power.Active.Import", power_w, "W", context),
        ]
        for phase in range(1, charge.curve.phases + 1):
            current = f"{power_w / (230 * charge.curve.phases):.1f}"
            values.append(_value("Current.Import", current, "A", context) | {"phase": f"L{phase}"})
        soc = charge.curve.soc_percent(elapsed_s)
        if soc is not None:
            values.append(_value("SoC", soc, "Percent", context) | {"location": "EV"})
        return {"timestamp": self._written(self.time.now()), "sampledValue": values}

    def _written(self, at: datetime) -> str:
        zone = self.habits.wall_clock
        return written(at.astimezone(ZoneInfo(zone))).removesuffix("Z") if zone else said(self.time, at)


def _value(measurand: str, value: object, unit: str, context: str) -> Payload:
    return {"value": str(value), "measurand": measurand, "unit": unit, "context": context}


# --- commands of the operator -------------------------------------------------------------------------------


def _reply(*, accepted: bool) -> Payload:
    return {"status": "Accepted" if accepted else "Rejected"}


def _start(station: Station16, payload: Payload) -> Payload:
    # 1.6 knows no number of a remote start: its session is recognised by the token.
    token_uid = text(payload, "idTag") or ""
    return _reply(accepted=station.remote_start(number(payload, "connectorId"), token_uid, 0))


def _stop(station: Station16, payload: Payload) -> Payload:
    return _reply(accepted=station.remote_stop(str(number(payload, "transactionId"))))


def _reset(station: Station16, payload: Payload) -> Payload:
    return _reply(accepted=station.reset(hard=payload.get("type") == "Hard"))


def _unlock(station: Station16, payload: Payload) -> Payload:
    unlocked = station.unlock(number(payload, "connectorId") or 0)
    return {"status": "NotSupported" if unlocked is None else "Unlocked"}


def _availability(station: Station16, payload: Payload) -> Payload:
    operative = payload.get("type") == "Operative"
    later = station.set_operative(number(payload, "connectorId"), operative=operative)
    return {"status": "Scheduled" if later else "Accepted"}


def _trigger(station: Station16, payload: Payload) -> Payload:
    triggered = station.trigger(text(payload, "requestedMessage") or "")
    return {"status": "Accepted" if triggered else "NotImplemented"}


def _configure(station: Station16, payload: Payload) -> Payload:
    if payload.get("key") != "AuthorizationKey":
        return {"status": "NotSupported"}
    station.take_password(bytes.fromhex(text(payload, "value") or ""))
    return {"status": "Accepted"}


_COMMANDS: dict[str, Callable[[Station16, Payload], Payload]] = {
    "RemoteStartTransaction": _start,
    "RemoteStopTransaction": _stop,
    "Reset": _reset,
    "UnlockConnector": _unlock,
    "ChangeAvailability": _availability,
    "TriggerMessage": _trigger,
    "ChangeConfiguration": _configure,
}
