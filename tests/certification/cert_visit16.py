"""A driver's visit to a 1.6 station."""

from __future__ import annotations

from cert_csms import VALID
from cert_station import Json, Station, now


class Visit16:
    """One transaction at a connector."""

    def __init__(self, station: Station, *, uid: str = VALID, connector: int = 1) -> None:
        self.station, self.uid, self.connector = station, uid, connector
        self.transaction_id = 0

    async def authorized(self) -> None:
        """Reusable state Authorized."""
        assert (await self.station.call("Authorize", idTag=self.uid))["idTagInfo"]["status"] == "Accepted"

    async def start(self, *, at: str | None = None, meter: int = 1000, **more: Json) -> Json:
        """Send a StartTransaction. Returns what the CSMS says of the token."""
        told = await self.station.call(
            "StartTransaction",
            connectorId=self.connector,
            idTag=self.uid,
            meterStart=meter,
            timestamp=at or now(),
            **more,
        )
        assert told["transactionId"] > 0
        self.transaction_id = told["transactionId"]
        return told["idTagInfo"]

    async def charging(self) -> None:
        """Reusable state Charging, of a driver who shows the card first."""
        await self.authorized()
        await self.station.tell("Preparing", self.connector)
        assert (await self.start())["status"] == "Accepted"
        await self.station.tell("Charging", self.connector)

    async def stop(
        self, reason: str = "Local", *, at: str | None = None, meter: int = 2500, shows: str | None = None
    ) -> Json:
        """Send a StopTransaction; with a token, what is said of it is in the answer."""
        told = await self.station.call(
            "StopTransaction",
            transactionId=self.transaction_id,
            meterStop=meter,
            timestamp=at or now(),
            reason=reason,
            **({} if shows is None else {"idTag": shows}),
        )
        assert ("idTagInfo" in told) == (shows is not None)
        return told

    async def ended(self, reason: str = "Local") -> None:
        """The driver ends it, takes the cable out, and leaves."""
        await self.stop(reason)
        await self.station.tell("Finishing", self.connector)
        await self.station.tell("Available", self.connector)
