"""A station of OCPP 2.1 that tells of money, and an installation with prices for it to stand in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from installation import Installation
from market import location
from ocpp.routing import on
from ocpp.v21 import call as call21
from ocpp.v21 import call_result as result21
from ocpp_stations import Station21, plugged_in, wire

CARD = {"id_token": "04A1B2C3D4E5F6", "type": "ISO14443"}
USAGE = {"energy": 10.0, "charging_time": 1800, "idle_time": 60}


class Till(Station21):
    """A station that tells what it reckons."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.changes: list[dict[str, Any]] = []
        self.tariffs: dict[str, list[int]] = {"A": [1], "B": [2]}

    @on("ChangeTransactionTariff")
    def on_change(self, **change: Any) -> Any:
        if not change["transaction_id"].startswith("t"):
            return result21.ChangeTransactionTariff(status="TxNotFound")
        self.changes.append(change)
        return result21.ChangeTransactionTariff(status="Accepted")

    @on("GetTariffs")
    def on_get_tariffs(self, evse_id: int) -> Any:
        told = [
            {"tariff_id": name, "tariff_kind": "DefaultTariff", "evse_ids": evses}
            for name, evses in self.tariffs.items()
        ]
        status = "Accepted" if told else "NoTariff"
        return result21.GetTariffs(status=status, tariff_assignments=told or None)

    @on("ClearTariffs")
    def on_clear(self, tariff_ids: list[str] | None = None, evse_id: int | None = None) -> Any:
        names = tariff_ids or [
            name for name, evses in self.tariffs.items() if evse_id is None or evse_id in evses
        ]
        gone = [
            {"tariff_id": name, "status": "Accepted" if self.tariffs.pop(name, None) else "NoTariff"}
            for name in names
        ]
        return result21.ClearTariffs(clear_tariffs_result=gone or [{"status": "NoTariff"}])

    async def knows(self, *limits: str) -> None:
        """Tell which limits it knows, in a report of its own accord."""
        values = [{"value": ",".join(limits), "mutability": "ReadOnly"}]
        one = {"component": {"name": "TxCtrlr"}, "variable": {"name": "SupportedLimits"}}
        told = [{**one, "variable_attribute": values}]
        await self.call(
            call21.NotifyReport(
                request_id=1, generated_at=wire(datetime.now(UTC)), seq_no=0, report_data=told
            )
        )

    def rewind(self, messages: int) -> None:
        """The next message has the number of one that was sent before."""
        self._seq_no -= messages

    async def told(self, kind: str, transaction: str, at: datetime, wh: int, **more: Any) -> Any:
        """A TransactionEvent; ``info`` is what else stands in its transactionInfo."""
        info = {"transaction_id": transaction, "charging_state": "Charging", **more.pop("info", {})}
        trigger = more.pop("trigger", "MeterValuePeriodic")
        register = {"value": wh, "measurand": "Energy.Active.Import.Register"}
        self._seq_no += 1
        return await self.call(
            call21.TransactionEvent(
                event_type=kind,
                timestamp=wire(at),
                trigger_reason=trigger,
                seq_no=self._seq_no - 1,
                transaction_info=info,
                evse={"id": 1, "connector_id": 1},
                meter_value=[{"timestamp": wire(at), "sampled_value": [register]}],
                **more,
            )
        )


def reckoned(incl_tax: float, **more: Any) -> dict[str, Any]:
    total = {"incl_tax": incl_tax, "excl_tax": incl_tax * 0.8}
    cost = {"currency": "SEK", "type_of_cost": "NormalCost", "total": total}
    return {"total_cost": cost, "total_usage": USAGE, **more}


def furnish(home: Installation) -> None:
    """Tariffs of 3.00 and 4.00 SEK/kWh and 25 % VAT, and six EVSEs of the first."""
    for name, price in (("T7", 3.00), ("T8", 4.00)):
        prices = [{"type": "ENERGY", "price": price, "vat": 25, "step_size": 1}]
        tariff = {"id": name, "currency": "SEK", "elements": [{"price_components": prices}]}
        home.told("tariff", "put", "-", stdin=json.dumps(tariff))
    place = location(datetime.now(UTC), uids=("E1", "E2", "E3", "E4", "E5", "E6"))
    for evse in place["evses"]:
        evse["connectors"] = [{**evse["connectors"][0], "tariff_ids": ["T7"]}]
    home.told("location", "put", "-", stdin=json.dumps(place))


@asynccontextmanager
async def station(home: Installation, name: str, evse: str, kind: Any = Till) -> AsyncIterator[Any]:
    password = (await told(home, "station", "add", name, "--place", f"1=HARBOUR/{evse}"))["password"]
    async with plugged_in(kind, name, home.stations_url, password) as station:
        await station.boot()
        yield station


async def told(home: Installation, *words: str) -> Any:
    return await asyncio.to_thread(home.told, *words)


async def shown(home: Installation, name: str) -> dict[str, Any]:
    """The card of a station's latest session, once it has its CDR."""
    (line,) = await told(home, "session", "list", "--station", name, "--limit", "1")
    for _ in range(100):
        card: dict[str, Any] = await told(home, "session", "show", line["session_id"])
        if card["cdr_id"] is not None:
            return card
        await asyncio.sleep(0.1)
    raise AssertionError(f"{line} got no CDR")


async def found(home: Installation, source: str, code: str) -> dict[str, Any]:
    """The finding of that code, once it is written down."""
    for _ in range(100):
        for one in await told(home, "finding", "list"):
            if one["code"] == code and source in one["source"]:
                return dict(one)
        await asyncio.sleep(0.1)
    raise AssertionError(f"no finding {code!r} of {source}")
