"""What foreign stations tell of themselves is kept, and an operator finds it: a whole process, the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from installation import Installation, Nursery, serving
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v21 import call as call21
from ocpp.v201 import call as call201
from ocpp_stations import Station16, Station21, Station201, plugged_in, wire

VENDORS = 'stations.data_transfer = ["com.example"]'
CONFIGURATION = [
    {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
    {"key": "AuthorizationKey", "readonly": False, "value": "c0rrect-horse-battery"},
]


class Talkative16(Station16):
    @on("GetConfiguration")
    def on_get_configuration(self, **_: Any) -> result16.GetConfiguration:
        return result16.GetConfiguration(configuration_key=CONFIGURATION)

    @on("ChangeConfiguration")
    def on_change(self, key: str, value: str) -> result16.ChangeConfiguration:
        return result16.ChangeConfiguration(
            status="RebootRequired" if key == "WebSocketPingInterval" else "Accepted"
        )


class Reporting(Station201):
    """Tells its device model in three messages, of which the last two come in the wrong order."""

    @on("GetBaseReport")
    def on_base_report(self, request_id: int, report_base: str) -> Any:
        self._told = asyncio.create_task(self._report(request_id))
        return self._call_result.GetBaseReport(status="Accepted")

    @on("GetVariables")
    def on_get_variables(self, get_variable_data: list[dict[str, Any]]) -> Any:
        results = [
            {**one, "attribute_status": "Accepted", "attribute_value": "77"} for one in get_variable_data
        ]
        return self._call_result.GetVariables(get_variable_result=results)

    async def _report(self, request_id: int) -> None:
        for seq_no in (0, 2, 1):
            await self.call(
                self._call.NotifyReport(
                    request_id=request_id,
                    generated_at=wire(datetime.now(UTC)),
                    seq_no=seq_no,
                    tbc=seq_no != 2,
                    report_data=[
                        {
                            "component": {"name": "EVSE", "evse": {"id": seq_no + 1}},
                            "variable": {"name": "Power"},
                            "variable_attribute": [{"value": "22000", "mutability": "ReadOnly"}],
                            "variable_characteristics": {
                                "data_type": "decimal",
                                "unit": "W",
                                "supports_monitoring": True,
                            },
                        }
                    ],
                )
            )


class Reporting21(Reporting, Station21):
    pass


@pytest.fixture(scope="module")
def home(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with serving(Installation(tmp_path_factory.mktemp("mirror"), nursery, settings=(VENDORS,))) as home:
        yield home


@asynccontextmanager
async def station(home: Installation, kind: Any, name: str) -> AsyncIterator[Any]:
    password = (await told(home, "station", "add", name))["password"]
    async with plugged_in(kind, name, home.stations_url, password) as station:
        await station.boot()
        yield station


async def told(home: Installation, *words: str) -> Any:
    return await asyncio.to_thread(home.told, *words)


async def test_a_1_6_configuration_is_mirrored_and_changed_without_its_secrets(home: Installation) -> None:
    async with station(home, Talkative16, "M16"):
        end = await told(home, "station", "inventory", "M16")
        assert (end["variables"], end["messages"]) == (2, 1)
        for key in ("WebSocketPingInterval", "HeartbeatInterval"):
            await told(
                home, "station", "call", "M16", "ChangeConfiguration", f'{{"key":"{key}","value":"60"}}'
            )
    items = {item["key"]: item["document"] for item in await told(home, "station", "items", "M16")}
    assert items["HeartbeatInterval"]["attributes"] == [{"value": "60", "mutability": "ReadWrite"}]
    assert items["WebSocketPingInterval"]["attributes"] == [{"value": "60", "pending": True}]
    shown = home.run("station", "items", "M16").stdout
    assert "HeartbeatInterval = 60 (ReadWrite)" in shown
    assert "WebSocketPingInterval = 60 (after the next reboot)" in shown
    assert "c0rrect" not in shown
    assert not home.rows("select 1 from station_item where document like '%c0rrect%'")
    assert not home.rows("select 1 from log where body like '%c0rrect%'")


@pytest.mark.parametrize("kind", [Reporting, Reporting21], ids=["2.0.1", "2.1"])
async def test_a_device_model_is_told_in_several_messages_and_read_on_from_single_values(
    home: Installation, kind: Any
) -> None:
    """TC_B_12: the report is complete when every message came, in whatever order."""
    name = f"M{kind.__name__}"
    async with station(home, kind, name):
        end = await told(home, "station", "inventory", name)
        assert (end["variables"], end["messages"]) == (3, 3)
        (report,) = await told(home, "station", "reports", name)
        assert (report["whole"], report["messages"], report["missing"]) == (True, 3, [])
        asked = (
            '{"getVariableData":[{"component":{"name":"EVSE","evse":{"id":2}},"variable":{"name":"Power"}}]}'
        )
        await told(home, "station", "call", name, "GetVariables", asked)
    (second,) = await told(home, "station", "items", name, "--like", "evse@2/")
    assert second["document"]["attributes"] == [
        {"value": "77", "mutability": "ReadOnly", "persistent": False, "constant": False}
    ]
    assert second["document"]["characteristics"]["unit"] == "W"
    assert "EVSE@2/Power = 77 W (ReadOnly)" in home.run("station", "items", name).stdout


async def test_security_events_and_progress_are_noted_once_and_the_grave_ones_are_alarms(
    home: Installation,
) -> None:
    at = wire(datetime.now(UTC))
    async with station(home, Talkative16, "N16") as old, station(home, Reporting, "N201") as new:
        for _ in range(2):
            event = call16.SecurityEventNotification(
                type="TamperDetectionActivated", timestamp=at, tech_info="lid"
            )
            await old.call(event)
            await new.call(
                call201.SecurityEventNotification(type="StartupOfTheDevice", timestamp=at, tech_info=None)
            )
        for status in ("Downloading", "DownloadFailed"):
            await old.call(call16.FirmwareStatusNotification(status=status))
            await new.call(call201.LogStatusNotification(status="Uploading", request_id=9))
    notices = await told(home, "station", "notices")
    found = sorted((one["station"], one["kind"], one["status"]) for one in notices)
    assert found == [
        ("N16", "FIRMWARE", "DownloadFailed"),
        ("N16", "FIRMWARE", "Downloading"),
        ("N16", "SECURITY_EVENT", "TamperDetectionActivated"),
        ("N201", "LOG", "Uploading"),
        ("N201", "SECURITY_EVENT", "StartupOfTheDevice"),
    ]
    alarms = await told(home, "station", "notices", "--alarms")
    assert {one["status"] for one in alarms} == {"TamperDetectionActivated", "DownloadFailed"}
    (log,) = await told(home, "station", "notices", "--station", "N201", "--kind", "LOG")
    assert log["request_id"] == 9


async def test_a_stream_of_values_is_followed_without_a_word_in_answer(home: Installation) -> None:
    """N11, N12: values are sent, never answered; of a stream that was never opened they are a finding."""
    async with station(home, Reporting21, "STREAM") as one:
        opened = await one.call(
            call21.OpenPeriodicEventStream(
                constant_stream_data={"id": 1, "params": {"interval": 5}, "variable_monitoring_id": 42}
            )
        )
        assert opened.status == "Accepted"
        for number, value in ((1, "229"), (1, "231"), (8, "0")):
            payload = {
                "id": number,
                "pending": 0,
                "basetime": wire(datetime.now(UTC)),
                "data": [{"t": 0, "v": value}],
            }
            await one._connection.send(json.dumps([6, "m", "NotifyPeriodicEventStream", payload]))
        await one.boot()
    (item,) = await told(home, "station", "items", "STREAM", "--kind", "EVENT_STREAM")
    assert item["document"]["monitor"] == 42
    assert [value for _, value in item["document"]["latest"]] == ["229", "231"]
    assert "of monitor 42, latest 231 at " in home.run("station", "items", "STREAM").stdout


async def test_what_a_station_knows_of_a_customer_is_put_together_read_and_forgotten(
    home: Installation,
) -> None:
    async with station(home, Reporting, "CUST") as one:
        for seq_no, text in ((1, "was here"), (0, "somebody ")):
            await one.call(
                call201.NotifyCustomerInformation(
                    data=text,
                    seq_no=seq_no,
                    tbc=seq_no == 0,
                    generated_at=wire(datetime.now(UTC)),
                    request_id=77,
                )
            )
    read = await told(home, "station", "customer", "CUST", "77")
    assert (read["text"], read["complete"]) == ("somebody was here", True)
    assert not home.rows("select 1 from log where body like '%somebody%'")
    assert (await told(home, "station", "forget", "CUST", "CUSTOMER_INFORMATION"))["items"] == 2
    gone = await asyncio.to_thread(home.run, "station", "customer", "CUST", "77")
    assert (gone.code, "was erased here" in gone.stderr) == (1, True)


async def test_a_vendors_words_are_kept_if_the_installation_names_it(home: Installation) -> None:
    async with station(home, Talkative16, "VENDOR") as one:
        for vendor, status in (("com.example", "Accepted"), ("com.stranger", "UnknownVendorId")):
            answer = await one.call(call16.DataTransfer(vendor_id=vendor, message_id="hi", data="somebody"))
            assert answer.status == status
    (notice,) = await told(home, "station", "notices", "--station", "VENDOR")
    assert (notice["kind"], notice["subject"], notice["status"]) == ("DATA_TRANSFER", "com.example", "hi")
    (item,) = await told(home, "station", "items", "VENDOR", "--kind", "VENDOR_DATA")
    assert (item["key"], item["document"]) == ("com.example/hi", "somebody")


async def test_an_inventory_of_a_station_that_is_away_says_so(home: Installation) -> None:
    await told(home, "station", "add", "AWAY")
    outcome = await asyncio.to_thread(home.run, "station", "inventory", "AWAY", "--json")
    assert outcome.code == 4
    assert "OFFLINE" in outcome.stderr


def test_what_is_kept_survives_the_process(nursery: Nursery, tmp_path: Path) -> None:
    home = Installation(tmp_path, nursery)

    async def once() -> None:
        async with station(home, Talkative16, "M16"):
            await told(home, "station", "inventory", "M16")

    home.start()
    asyncio.run(once())
    home.kill()
    assert len(home.told("station", "items", "M16")) == 2
