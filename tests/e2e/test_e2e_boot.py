"""Foreign stations that are held, rejected and accepted: a whole process, the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import ocpp.exceptions
import pytest
from installation import PATIENCE_S, Installation, Nursery, serving
from ocpp.routing import after, on
from ocpp.v16 import call as call16
from ocpp_stations import Station16, Station21, Station201, plugged_in, wire

CARD = "04A1B2C3"


class Triggered:
    """Sends what a TriggerMessage asks for, and tells its whole device model."""

    @on("TriggerMessage")
    def on_trigger(self: Any, requested_message: str, **_: Any) -> Any:
        return self._call_result.TriggerMessage(
            status=self._commanded("TriggerMessage", message=requested_message)
        )

    @after("TriggerMessage")
    async def after_trigger(self: Any, requested_message: str, **_: Any) -> None:
        self.triggered.put_nowait(
            await (self.boot() if requested_message == "BootNotification" else self.status("Available"))
        )


class Old(Triggered, Station16):
    pass


class New(Triggered, Station201):
    @on("GetBaseReport")
    def on_base_report(self, request_id: int, report_base: str) -> Any:
        self._told = asyncio.create_task(self._report(request_id))
        return self._call_result.GetBaseReport(status="Accepted")

    async def _report(self, request_id: int) -> None:
        told = {
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "HeartbeatInterval"},
            "variable_attribute": [{"value": "900"}],
        }
        await self.call(
            self._call.NotifyReport(
                request_id=request_id, generated_at=wire(datetime.now(UTC)), seq_no=0, report_data=[told]
            )
        )


class Newest(New, Station21):
    pass


KINDS = pytest.mark.parametrize("kind", [Old, New, Newest], ids=["1.6", "2.0.1", "2.1"])


@pytest.fixture(scope="module")
def home(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with serving(Installation(tmp_path_factory.mktemp("boot"), nursery)) as home:
        yield home


async def told(home: Installation, *words: str) -> Any:
    return await asyncio.to_thread(home.told, *words)


@asynccontextmanager
async def connected(home: Installation, kind: Any, name: str, password: str) -> AsyncIterator[Any]:
    async with plugged_in(kind, name, home.stations_url, password) as station:
        station.triggered = asyncio.Queue()
        yield station


async def findings(home: Installation) -> set[str]:
    return {one["code"] for one in await told(home, "finding", "list")}


async def refused(station: Any) -> bool:
    """Is it a SecurityError to say how a connector is?"""
    call = station._call.StatusNotification
    if isinstance(station, Station16):
        message = call(connector_id=1, error_code="NoError", status="Available")
    else:
        now = wire(datetime.now(UTC))
        message = call(timestamp=now, connector_status="Available", evse_id=1, connector_id=1)
    try:
        await station.call(message, suppress=False)
    except ocpp.exceptions.SecurityError:
        return True
    return False


@pytest.mark.rule(4, 38)
@KINDS
async def test_a_held_station_says_nothing_but_what_it_is_asked_and_is_told_when_it_is_accepted(
    home: Installation, kind: Any
) -> None:
    """TC_B_02_CSMS, TC_B_30_CSMS, TC_B_31_CSMS; B02.FR.01, 05, 06, 09; rule 4: a reconnect changes nothing."""
    name = f"HELD-{kind.__name__}"
    password = (await told(home, "station", "add", name))["password"]
    said = await told(home, "station", "admit", name, "PENDING", "--reason", "not paid for yet")
    assert (said["admission"], said["by"], said["told"]) == ("PENDING", "OPERATOR", "")
    async with connected(home, kind, name, password) as station:
        assert await station.boot() == "Pending"
        assert await refused(station)
        await told(
            home, "station", "command", name, "TRIGGER", "--message", "StatusNotification", "--evse", "1"
        )
        await station.triggered.get()
        assert not await refused(station), "it was asked for it"
        start = ("station", "command", name, "START", "--evse", "1", "--token", CARD, "--json")
        outcome = await asyncio.to_thread(home.run, *start)
        assert outcome.code == 5
        assert "starts and stops no session" in outcome.stderr
    async with connected(home, kind, name, password) as station:
        assert await refused(station), "it came back without booting, and is held still"
        said = await told(home, "station", "admit", name, "ACCEPTED")
        assert (said["admission"], said["told"]) == ("ACCEPTED", "ACCEPTED (Accepted)")
        assert await station.triggered.get() == "Accepted"
        assert not await refused(station)
    async with connected(home, kind, name, password) as station:
        assert not await refused(station), "accepted without booting"


@KINDS
async def test_a_rejected_station_is_told_nothing_and_asks_again_by_itself(
    home: Installation, kind: Any
) -> None:
    """TC_B_03_CSMS, TC_B_30_CSMS; B03.FR.03, B03.FR.07."""
    name = f"OUT-{kind.__name__}"
    password = (await told(home, "station", "add", name))["password"]
    await told(home, "station", "admit", name, "REJECTED")
    async with connected(home, kind, name, password) as station:
        assert await station.boot() == "Rejected"
        assert await refused(station)
        outcome = await asyncio.to_thread(home.run, "station", "command", name, "RESET", "--json")
        assert (outcome.code, station.commands.empty()) == (5, True)
        assert "nothing is sent to it" in outcome.stderr
        said = await told(home, "station", "admit", name, "RULE")
        assert (said["admission"], said["by"]) == ("ACCEPTED", "RULE")
        assert station.commands.empty(), "not even a TriggerMessage"
        assert await station.boot() == "Accepted"
        assert not await refused(station)


async def test_a_held_1_6_station_that_charges_all_the_same_loses_nothing(home: Installation) -> None:
    """1.6 §4.2.1; rule 15: an error would make many stations drop the session for ever."""
    password = (await told(home, "station", "add", "EAGER"))["password"]
    await told(home, "station", "admit", "EAGER", "PENDING")
    now = datetime.now(UTC)
    async with connected(home, Old, "EAGER", password) as station:
        assert await station.boot() == "Pending"
        begun = await station.call(
            call16.StartTransaction(connector_id=1, id_tag=CARD, meter_start=1000, timestamp=wire(now))
        )
        transaction = begun.transaction_id
        await station.measure(transaction, now, 1500)
        await station.end(transaction, now, 2000)
    rows = home.rows("select energy_wh from session where station_id = 'EAGER'")
    assert [row["energy_wh"] for row in rows] == [1000]
    async with asyncio.timeout(PATIENCE_S):
        # Findings are written down every few seconds.
        while "called before acceptance" not in await findings(home):  # noqa: ASYNC110
            await asyncio.sleep(0.5)


async def test_an_admission_is_shown_and_is_a_fact(home: Installation) -> None:
    await told(home, "station", "add", "SEEN")
    await told(home, "station", "admit", "SEEN", "PENDING", "--reason", "being mounted")
    assert "admission  PENDING by operator: being mounted" in home.run("station", "show", "SEEN").stdout
    lines = {line["station"]: line["admission"] for line in await told(home, "station", "list")}
    assert lines["SEEN"] == "PENDING"
    assert home.rows("select 1 from log where kind = 'StationAdmitted' and body like '%being mounted%'")


# --- gaps -------------------------------------------------------------------------------------------


class Queued(New):
    """Has messages in its queue for as long as it says so."""

    @on("GetTransactionStatus")
    def on_transaction_status(self, transaction_id: str) -> Any:
        in_queue = self._commanded("GetTransactionStatus", transaction_id=transaction_id) == "Queued"
        return self._call_result.GetTransactionStatus(messages_in_queue=in_queue, ongoing_indicator=False)


@pytest.mark.rule(19)
async def test_a_session_with_a_gap_is_asked_about_and_complete_when_the_rest_came(
    home: Installation,
) -> None:
    """Rule 19; E14.FR.04."""
    password = (await told(home, "station", "add", "GAPS"))["password"]
    now = datetime.now(UTC)
    async with connected(home, Queued, "GAPS", password) as station:
        station.answers["GetTransactionStatus"] = "Queued"
        await station.boot()
        await station.event("Started", "tx-gap", now, 100, "Authorized")
        station._seq_no = 2
        await station.event("Ended", "tx-gap", now, 300, "StopAuthorized")
        async with asyncio.timeout(PATIENCE_S):
            asked = await station.commands.get()
        assert asked == ("GetTransactionStatus", {"transaction_id": "tx-gap"})
        async with asyncio.timeout(PATIENCE_S):
            while not home.rows("select 1 from log where kind = 'SessionQueueReported'"):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        assert not home.rows("select 1 from log where kind = 'SessionCompleted' and body like '%\"gaps\"%'")
        station._seq_no = 1
        await station.event("Updated", "tx-gap", now, 200, "MeterValuePeriodic")
    (row,) = home.rows("select energy_wh, completed_at from session where station_id = 'GAPS'")
    assert row["energy_wh"] == 200
    assert row["completed_at"] is not None


# --- the rule ---------------------------------------------------------------------------------------

TEMPLATE = {
    "HeartbeatInterval": "900",
    "OCPPCommCtrlr/HeartbeatInterval": "900",
    "EVSE@1/Power": "11000",
    "OCPPCommCtrlr/OfflineThreshold": "300",
}


class Settable16(Old):
    make = "Wallbox"

    async def boot(self) -> str:
        boot = self._call.BootNotification(charge_point_model=self.make, charge_point_vendor="Foreign")
        return (await self.call(boot)).status

    @on("GetConfiguration")
    def on_get_configuration(self, **_: Any) -> Any:
        return self._call_result.GetConfiguration(configuration_key=[])

    @on("ChangeConfiguration")
    def on_change(self, key: str, value: str) -> Any:
        return self._call_result.ChangeConfiguration(status=self._commanded(key, value=value))


class Settable201(New):
    """Takes two values in a message, and tells so when it is asked."""

    make = "Column"

    async def boot(self) -> str:
        station = {"model": self.make, "vendor_name": "Foreign"}
        boot = self._call.BootNotification(charging_station=station, reason="PowerUp")
        return (await self.call(boot)).status

    @on("GetVariables")
    def on_get_variables(self, get_variable_data: list[dict[str, Any]]) -> Any:
        (one,) = get_variable_data
        limit = "2" if one["variable"]["name"] == "ItemsPerMessage" else "4000"
        result = {**one, "attribute_status": "Accepted", "attribute_value": limit}
        return self._call_result.GetVariables(get_variable_result=[result])

    @on("SetVariables")
    def on_set_variables(self, set_variable_data: list[dict[str, Any]]) -> Any:
        self.messages = [*getattr(self, "messages", []), len(set_variable_data)]
        results = [
            {
                "component": one["component"],
                "variable": one["variable"],
                "attribute_status": self._commanded(one["variable"]["name"], value=one["attribute_value"]),
            }
            for one in set_variable_data
        ]
        return self._call_result.SetVariables(set_variable_result=results)


class Settable21(Settable201, Station21):
    pass


SETTABLE = pytest.mark.parametrize(
    ("kind", "values"), [(Settable16, 1), (Settable201, 3), (Settable21, 3)], ids=["1.6", "2.0.1", "2.1"]
)


@pytest.fixture(scope="module")
def holding(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("hold")
    (folder / "template.json").write_text(json.dumps(TEMPLATE))
    settings = ('stations.onboarding = "hold"', f'stations.template = "{folder / "template.json"}"')
    with serving(Installation(folder, nursery, settings=settings)) as home:
        yield home


@pytest.mark.rule(38)
@SETTABLE
async def test_the_first_of_a_make_is_read_and_set_up_before_it_works_and_the_next_one_works_at_once(
    holding: Installation, kind: Any, values: int
) -> None:
    """Rule 38; TC_B_02_CSMS."""
    first, second = f"FIRST-{kind.__name__}", f"SECOND-{kind.__name__}"
    password = (await told(holding, "station", "add", first))["password"]
    async with connected(holding, kind, first, password) as station:
        station.make = kind.__name__
        assert await station.boot() == "Pending"
        async with asyncio.timeout(PATIENCE_S):
            assert await station.triggered.get() == "Accepted"
        set_to = [station.commands.get_nowait() for _ in range(values)]
        assert all(details["value"] in ("900", "11000", "300") for _, details in set_to)
        if values > 1:
            assert station.messages == [2, 1], "as many in a message as it takes"
    password = (await told(holding, "station", "add", second))["password"]
    async with connected(holding, kind, second, password) as station:
        station.make = kind.__name__
        assert await station.boot() == "Accepted"
    assert "never booted" not in holding.run("station", "show", second).stdout


async def test_a_station_that_does_not_take_its_values_stays_held_and_says_why_until_an_operator_decides(
    holding: Installation,
) -> None:
    password = (await told(holding, "station", "add", "STUBBORN"))["password"]
    async with connected(holding, Settable201, "STUBBORN", password) as station:
        station.make, station.answers = "Stubborn", {"Power": "Rejected"}
        assert await station.boot() == "Pending"
        shown = ""
        async with asyncio.timeout(PATIENCE_S):
            while "were not taken" not in shown:
                await asyncio.sleep(0.5)
                shown = (await asyncio.to_thread(holding.run, "station", "show", "STUBBORN")).stdout
        assert "PENDING by rule: 1 of 4 values were not taken: EVSE@1/Power REJECTED (Rejected)" in shown
        assert await station.boot() == "Pending"
        await told(holding, "station", "admit", "STUBBORN", "ACCEPTED")
        assert await station.triggered.get() == "Accepted"


async def test_values_that_need_a_reboot_are_told_and_the_station_is_reset_if_that_is_wanted(
    home: Installation,
) -> None:
    password = (await told(home, "station", "add", "SET"))["password"]
    async with connected(home, Settable201, "SET", password) as station:
        await station.boot()
        station.answers = {"Power": "RebootRequired", "OfflineThreshold": "UnknownVariable"}
        end = await told(home, "station", "configure", "SET", json.dumps(TEMPLATE))
        assert [(one["key"], one["result"]) for one in end["outcomes"]] == [
            ("HeartbeatInterval", "OTHER_VERSION"),
            ("OCPPCommCtrlr/HeartbeatInterval", "SET"),
            ("EVSE@1/Power", "AFTER_REBOOT"),
            ("OCPPCommCtrlr/OfflineThreshold", "UNKNOWN"),
        ]
        assert end["reboot"] == "NEEDED"
        end = await told(home, "station", "configure", "SET", '{"EVSE@1/Power": "7000"}', "--reset")
        assert end["reboot"] == "ACCEPTED"
    items = {one["key"]: one["document"] for one in await told(home, "station", "items", "SET")}
    assert items["EVSE@1/Power"]["attributes"] == [{"value": "7000", "pending": True}]
    for document, why in (
        ('{"SecurityProfile": "1"}', "can come again"),
        ('{"A/B/C": "1"}', "not a variable"),
    ):
        outcome = await asyncio.to_thread(home.run, "station", "configure", "SET", document, "--json")
        assert outcome.code == 6
        assert why in outcome.stderr
