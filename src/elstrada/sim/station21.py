"""A virtual station that speaks OCPP 2.1. Source: OCPP 2.1 part 2, blocks B, E, G and J."""

from __future__ import annotations

from elstrada.sim.sockets import Charge, Socket
from elstrada.sim.station201 import OCCUPIED, Station201
from elstrada.sim.station_book import Kind, Payload
from elstrada.sim.station_clock import said


class Station21(Station201):
    """OCPP 2.1: as 2.0.1, and it tells of its connectors by events, and how much of the session has charged."""

    protocol = "ocpp2.1"
    model = "Virtual 21"
    _events = 0

    def status_of(self, socket: Socket) -> tuple[str, Payload]:
        """What G01.FR.07 prefers to StatusNotification."""
        self._events += 1
        now = said(self.time, self.time.now())
        event: Payload = {
            "eventId": self._events,
            "timestamp": now,
            "trigger": "Delta",
            "actualValue": "Occupied" if socket.status in OCCUPIED else socket.status,
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "Connector", "evse": {"id": socket.evse_id, "connectorId": 1}},
            "variable": {"name": "AvailabilityState"},
            "severity": 9,
        }
        return "NotifyEvent", {"generatedAt": now, "seqNo": 0, "eventData": [event]}

    def asked_status_of(self, socket: Socket) -> tuple[str, Payload]:
        return super().status_of(socket)

    def info_of(self, charge: Charge, kind: Kind, state: str) -> Payload:
        info = super().info_of(charge, kind, state)
        drawn_s = min(charge.elapsed_s(charge.truth.ended_at or self.clock.now()), charge.curve.seconds)
        return info | {"operationMode": "ChargingOnly", "timeSpentCharging": int(drawn_s)}
