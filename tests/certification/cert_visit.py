"""A driver's visit to a 2.0.1 station, from one of part 6's reusable states to the next (section 3.18)."""

from __future__ import annotations

from itertools import count

from cert_csms import VALID
from cert_station import Json, Station, now

KIND = "ISO14443"
_numbers = count(1)


def card(uid: str = VALID, kind: str = KIND) -> Json:
    return {"idToken": uid, "type": kind}


def meter(
    value: float, context: str = "Sample.Periodic", *, signed: bool = False, at: str | None = None
) -> list[Json]:
    """One reading of the register, in Wh."""
    sampled: Json = {"value": value, "context": context, "measurand": "Energy.Active.Import.Register"}
    if signed:
        sampled["signedMeterValue"] = {
            "signedMeterData": "T0NNRnx7fQ==",
            "signingMethod": "ECDSA-secp256r1-SHA256",
            "encodingMethod": "OCMF",
            "publicKey": "b2NhOmJhc2UxNjphc24xOjMwNTkzMA==",
        }
    return [{"timestamp": at or now(), "sampledValue": [sampled]}]


class Visit:
    """One transaction. Each state first goes through those that must come before it."""

    def __init__(self, station: Station, *, uid: str = VALID, evse: int = 1) -> None:
        self.station, self.uid, self.evse = station, uid, evse
        self.transaction_id = f"{station.name}-T{next(_numbers)}"
        self.seq_no = 0
        self.begun = self.is_authorized = self.is_connected = False
        self.is_charging = self.is_stopped = self.is_parked = False

    async def event(
        self,
        trigger: str,
        kind: str | None = None,
        *,
        shows: Json | None = None,
        place: bool = False,
        meter_value: list[Json] | None = None,
        seq_no: int | None = None,
        offline: bool | None = None,
        remote_start_id: int | None = None,
        reservation_id: int | None = None,
        **info: Json,
    ) -> Json:
        """Send a TransactionEvent: Started if it is the first, else Updated.

        Args:
            shows: the token that is presented with it.
            info: of transactionInfo, such as chargingState.
        """
        info = {"transactionId": self.transaction_id, **info}
        if remote_start_id is not None:
            info["remoteStartId"] = remote_start_id
        optional = {
            "idToken": shows,
            "evse": {"id": self.evse, "connectorId": 1} if place else None,
            "meterValue": meter_value,
            "offline": offline,
            "reservationId": reservation_id,
        }
        answer = await self.station.call(
            "TransactionEvent",
            eventType=kind or ("Updated" if self.begun else "Started"),
            timestamp=now(),
            triggerReason=trigger,
            seqNo=self.seq_no if seq_no is None else seq_no,
            transactionInfo=info,
            **{name: value for name, value in optional.items() if value is not None},
        )
        if seq_no is None:
            self.seq_no += 1
        self.begun = True
        # TransactionEventResponse: idTokenInfo is required exactly where a token was presented.
        assert ("idTokenInfo" in answer) == (shows is not None)
        return answer

    async def authorize(self, uid: str | None = None) -> Json:
        return (await self.station.call("Authorize", idToken=card(uid or self.uid)))["idTokenInfo"]

    # --- reusable states -----------------------------------------------------------------------------

    async def ev_connected(self, *, meter_value: list[Json] | None = None) -> None:
        """EVConnectedPreSession."""
        await self.station.tell("Occupied", self.evse)
        await self.event("CablePluggedIn", chargingState="EVConnected", place=True, meter_value=meter_value)
        self.is_connected = True

    async def authorized(self) -> None:
        """Authorized."""
        assert (await self.authorize())["status"] == "Accepted"
        answer = await self.event("Authorized", shows=card(self.uid))
        assert answer["idTokenInfo"]["status"] == "Accepted"
        self.is_authorized = True

    async def charging(self) -> None:
        """EnergyTransferStarted."""
        if not self.is_authorized:
            await self.authorized()
        if not self.is_connected:
            await self.ev_connected()
        await self.event("ChargingStateChanged", chargingState="Charging")
        self.is_charging = True

    async def suspended(self) -> None:
        """EnergyTransferSuspended."""
        if not self.is_charging:
            await self.charging()
        await self.event("ChargingStateChanged", chargingState="SuspendedEV")

    async def stop_authorized(self) -> None:
        """StopAuthorized."""
        if not self.is_charging:
            await self.charging()
        answer = await self.event("StopAuthorized", shows=card(self.uid))
        assert answer["idTokenInfo"]["status"] == "Accepted"
        self.is_stopped = True

    async def parked(self) -> None:
        """EVConnectedPostSession."""
        if not self.is_stopped:
            await self.stop_authorized()
        await self.event("ChargingStateChanged", chargingState="EVConnected")
        self.is_parked = True

    async def ev_disconnected(self, *, meter_value: list[Json] | None = None) -> Json:
        """EVDisconnected."""
        if not self.is_parked:
            await self.parked()
        await self.station.tell("Available", self.evse)
        return await self.left(meter_value=meter_value)

    async def left(self, *, meter_value: list[Json] | None = None) -> Json:
        """The transaction ends because the cable is out."""
        return await self.event(
            "EVCommunicationLost",
            "Ended",
            chargingState="Idle",
            stoppedReason="EVDisconnected",
            meter_value=meter_value,
        )
