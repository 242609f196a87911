"""A virtual station that speaks OCPP 2.0.1. Source: OCPP 2.0.1 part 2, blocks B, C, E, F, G, J."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from elstrada.sim.sockets import Charge, Socket
from elstrada.sim.station_book import Kind, Message, Payload, number, text
from elstrada.sim.station_clock import said
from elstrada.sim.stations import VirtualStation
from elstrada.sim.talk import Talk

OCCUPIED = frozenset({"Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"})
"""2.x says less of a connector than 1.6: what it does is told by the transaction."""

_STOPPED: dict[str, tuple[str, str]] = {
    "Local": ("StopAuthorized", "Local"),
    "EVDisconnected": ("EVCommunicationLost", "EVDisconnected"),
    "Remote": ("RemoteStop", "Remote"),
    "DeAuthorized": ("Deauthorized", "DeAuthorized"),
    "PowerLoss": ("AbnormalCondition", "PowerLoss"),
    "HardReset": ("ResetCommand", "ImmediateReset"),
    "SoftReset": ("ResetCommand", "ImmediateReset"),
    "UnlockCommand": ("UnlockCommand", "Other"),
}
"""Why a session ended -> triggerReason, stoppedReason."""


class Station201(VirtualStation):
    """OCPP 2.0.1: the station names the transaction and numbers its events."""

    protocol = "ocpp2.0.1"
    model = "Virtual 201"

    def boot_call(self, reason: str) -> tuple[str, Payload]:
        station = {"vendorName": "Elstrada", "model": self.model, "firmwareVersion": "1.0"}
        return "BootNotification", {"reason": reason, "chargingStation": station}

    def status_of(self, socket: Socket) -> tuple[str, Payload]:
        return "StatusNotification", {
            "timestamp": said(self.time, self.time.now()),
            "connectorStatus": "Occupied" if socket.status in OCCUPIED else socket.status,
            "evseId": socket.evse_id,
            "connectorId": 1,
        }

    async def authorized(self, talk: Talk, token_uid: str, evse_id: int) -> bool:
        answer = await talk.call(self.message_id(), "Authorize", {"idToken": _token(token_uid)})
        return text(answer, "idTokenInfo", "status") == "Accepted"

    def tell_start(self, charge: Charge) -> None:
        charge.truth.transaction_id = f"{self.chance.getrandbits(96):024x}"
        early = self.habits.cable_first and charge.remote_start_id is None
        trigger = (
            "CablePluggedIn" if early else "Authorized" if charge.remote_start_id is None else "RemoteStart"
        )
        payload: Payload = {} if early else {"idToken": _token(charge.truth.token_uid)}
        state = "EVConnected" if early else "Charging"
        self._tell(charge, Kind.START, "Started", trigger, state, "Transaction.Begin", payload)

    def tell_authorized(self, charge: Charge) -> None:
        token: Payload = {"idToken": _token(charge.truth.token_uid)}
        self._tell(charge, Kind.NEWS, "Updated", "Authorized", "Charging", None, token)

    def tell_sample(self, charge: Charge) -> None:
        state = "SuspendedEV" if charge.full else "Charging"
        self._tell(charge, Kind.NEWS, "Updated", "MeterValuePeriodic", state, "Sample.Periodic", {})

    def tell_full(self, charge: Charge) -> None:
        self._tell(charge, Kind.NEWS, "Updated", "ChargingStateChanged", "SuspendedEV", "Sample.Periodic", {})

    def tell_stop(self, charge: Charge) -> None:
        trigger, _ = _STOPPED.get(charge.reason, ("AbnormalCondition", "Other"))
        self._tell(charge, Kind.STOP, "Ended", trigger, "Idle", "Transaction.End", {})

    def payload_of(self, message: Message) -> Payload:
        return message.payload

    def acknowledged(self, message: Message, answer: Payload) -> None:
        status = text(answer, "idTokenInfo", "status")
        charge = self.charge_of(message.of)
        if charge is not None and status not in (None, "Accepted") and self.habits.stops_refused:
            charge.stop("DeAuthorized")

    def answer(self, action: str, payload: Payload) -> Payload | None:
        served = _COMMANDS.get(action)
        return served(self, payload) if served is not None else None

    def _tell(
        self,
        charge: Charge,
        kind: Kind,
        event: str,
        trigger: str,
        state: str,
        context: str | None,
        more: Payload,
    ) -> None:
        """Put one TransactionEvent into the queue, with its number."""
        seq_no = charge.seq_no
        charge.seq_no += 0 if self.habits.seq_always_zero else 1
        if kind is Kind.NEWS and not more and not self.online and self._short_of_memory():
            if charge.truth.sampled_wh and context is not None:
                charge.truth.sampled_wh.pop()
            return  # E04.FR.07: the number is spent, so that the gap can be seen.
        truth = charge.truth
        now = truth.ended_at or self.clock.now()
        payload: Payload = {
            "eventType": event,
            "timestamp": said(self.time, self.time.at(now)),
            "triggerReason": trigger,
            "seqNo": seq_no,
            "offline": not self.online,
            "transactionInfo": self.info_of(charge, kind, state),
            "evse": {"id": truth.evse_id, "connectorId": 1},
        } | more
        registers: tuple[int, ...] = ()
        if context is not None:
            true_wh = truth.meter_stop_wh if truth.meter_stop_wh is not None else charge.register_wh(now)
            register = self.shown_wh(charge, kind, true_wh)
            payload["meterValue"] = [self._meter_value(charge, context, register)]
            registers = (register,)
        message = Message(
            kind=kind,
            action="TransactionEvent",
            payload=payload,
            of=truth,
            seq_no=None if self.habits.seq_always_zero else seq_no,
            registers=registers,
        )
        self.keep(message)

    def info_of(self, charge: Charge, kind: Kind, state: str) -> Payload:
        """The transactionInfo of an event."""
        info: Payload = {"transactionId": charge.truth.transaction_id, "chargingState": state}
        if charge.remote_start_id is not None and kind is Kind.START:
            info["remoteStartId"] = charge.remote_start_id
        if kind is Kind.STOP:
            info["stoppedReason"] = _STOPPED.get(charge.reason, ("", "Other"))[1]
        return info

    def idle_value(self, socket: Socket) -> tuple[str, Payload]:
        values = [_value("Energy.Active.Import.Register", socket.register_wh, "Wh", "Sample.Clock")]
        value: Payload = {"timestamp": said(self.time, self.time.now()), "sampledValue": values}
        return "MeterValues", {"evseId": socket.evse_id, "meterValue": [value]}

    def _short_of_memory(self) -> bool:
        return self.habits.drops_updates and len(self.queue) > 3

    def _meter_value(self, charge: Charge, context: str, register_wh: int) -> Payload:
        """Register, power, current; the state of charge where the station knows it."""
        now = charge.truth.ended_at or self.clock.now()
        elapsed_s = charge.elapsed_s(now)
        power_w = 0 if charge.truth.ended_at else charge.curve.power_w(elapsed_s)
        values: list[Payload] = [
            _value("Energy.Active.Import.Register", register_wh, "Wh", context),
            _value("Power.Active.Import", power_w, "W", context),
        ]
        for phase in range(1, charge.curve.phases + 1):
            current = round(power_w / (230 * charge.curve.phases), 1)
            values.append(_value("Current.Import", current, "A", context) | {"phase": f"L{phase}"})
        soc = charge.curve.soc_percent(elapsed_s)
        if soc is not None:
            values.append(_value("SoC", soc, "Percent", context) | {"location": "EV"})
        return {"timestamp": said(self.time, self.time.at(now)), "sampledValue": values}


def _token(uid: str) -> Payload:
    return {"idToken": uid, "type": "ISO14443"}


def _value(measurand: str, value: float, unit: str, context: str) -> Payload:
    return {"value": value, "measurand": measurand, "context": context, "unitOfMeasure": {"unit": unit}}


# --- commands of the operator -------------------------------------------------------------------------------


def _reply(*, accepted: bool) -> Payload:
    return {"status": "Accepted" if accepted else "Rejected"}


def _start(station: Station201, payload: Payload) -> Payload:
    token_uid = text(payload, "idToken", "idToken") or ""
    start_id = number(payload, "remoteStartId") or 0
    return _reply(accepted=station.remote_start(number(payload, "evseId"), token_uid, start_id))


def _stop(station: Station201, payload: Payload) -> Payload:
    return _reply(accepted=station.remote_stop(text(payload, "transactionId") or ""))


def _reset(station: Station201, payload: Payload) -> Payload:
    return _reply(accepted=station.reset(hard=payload.get("type") == "Immediate"))


def _unlock(station: Station201, payload: Payload) -> Payload:
    unlocked = station.unlock(number(payload, "evseId") or 0)
    return {"status": "UnknownConnector" if unlocked is None else "Unlocked"}


def _availability(station: Station201, payload: Payload) -> Payload:
    operative = payload.get("operationalStatus") == "Operative"
    later = station.set_operative(number(payload, "evse", "id"), operative=operative)
    return {"status": "Scheduled" if later else "Accepted"}


def _trigger(station: Station201, payload: Payload) -> Payload:
    triggered = station.trigger(text(payload, "requestedMessage") or "")
    return {"status": "Accepted" if triggered else "NotImplemented"}


def _set(station: Station201, payload: Payload) -> Payload:
    asked = cast(list[Payload], payload.get("setVariableData"))
    return {"setVariableResult": [_set_one(station, one) for one in asked]}


def _set_one(station: Station201, asked: Payload) -> Payload:
    named: Payload = {"component": asked["component"], "variable": asked["variable"]}
    if text(asked, "variable", "name") != "BasicAuthPassword":
        return named | {"attributeStatus": "UnknownVariable"}
    station.take_password(text(asked, "attributeValue") or "")
    return named | {"attributeStatus": "Accepted"}


_COMMANDS: dict[str, Callable[[Station201, Payload], Payload]] = {
    "RequestStartTransaction": _start,
    "RequestStopTransaction": _stop,
    "Reset": _reset,
    "UnlockConnector": _unlock,
    "ChangeAvailability": _availability,
    "TriggerMessage": _trigger,
    "SetVariables": _set,
}
