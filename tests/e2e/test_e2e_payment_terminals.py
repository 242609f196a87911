"""Drivers at payment terminals: a CPO and a provider, each a whole process, and foreign stations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from installation import CPO, Installation, Json, Nursery, Party, free_port, serving, wait_for
from market import location
from ocpp_stations import Station16, Station201, plugged_in

PTP = Party("SE*PTP", "PTP", "Terminals AB")
TAX = 25
SETTINGS = ('web_payments = { provider = "development", amount = 50 }',)


@pytest.fixture(scope="module")
def counter(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    folder = tmp_path_factory.mktemp("terminals")
    with ExitStack() as stack:
        cpo = stack.enter_context(serving(Installation(folder / "cpo", nursery, (CPO,))))
        ptp = stack.enter_context(
            serving(Installation(folder / "ptp", nursery, (PTP,), settings=SETTINGS, http_port=free_port()))
        )
        yield Counter(cpo, ptp)


class Counter:
    """Both sides, with a terminal at work for one place."""

    def __init__(self, cpo: Installation, ptp: Installation) -> None:
        self.cpo, self.ptp = cpo, ptp
        self.passwords: dict[str, str] = {}
        for name, kind, price in (("REGULAR", "REGULAR", 2.00), ("AD-HOC", "AD_HOC_PAYMENT", 3.00)):
            prices = [{"type": "ENERGY", "price": price, "vat": TAX, "step_size": 1}]
            tariff = {
                "id": name,
                "currency": "SEK",
                "type": kind,
                "tax_included": "NO",
                "preauthorize_amount": 60,
                "elements": [{"price_components": prices}],
                "last_updated": "2024-01-01T00:00:00Z",
            }
            cpo.told("tariff", "put", "-", stdin=json.dumps(tariff))
        place = location(datetime.now(UTC))
        for evse in place["evses"]:
            evse["connectors"] = [{**evse["connectors"][0], "tariff_ids": ["REGULAR", "AD-HOC"]}]
        cpo.told("location", "put", "-", stdin=json.dumps(place))
        for station, evse in (("PAY-16", "E16"), ("PAY-201", "E201")):
            added = cpo.told("station", "add", station, "--place", f"1=HARBOUR/{evse}")
            self.passwords[station] = added["password"]
        invitation = ptp.told("partner", "add", "els")
        cpo.told(
            *("partner", "handshake", "ptp", "--url", invitation["versions_url"]),
            *("--token", invitation["token"]),
        )
        wait_for(
            lambda: ptp.rows("select 1 from location where location_id = 'HARBOUR'"), "the provider's map"
        )
        ptp.told("terminal", "add", "T-1", "--partner", "els", "--reference", "SN-1")
        cpo.told("terminal", "activate", "ptp", "--reference", "SN-1", "--locations", "HARBOUR")
        wait_for(lambda: cpo.told("terminal", "list"), "the terminal at the CPO")
        cpo.told(
            *("terminal", "put", "T-1", "--invoice-creator", "CPO"),
            *("--invoice-base-url", "https://els.example/invoices"),
        )

    async def tap(self, evse: str, *more: str) -> Json:
        words = ("terminal", "tap", "T-1", "--location", "HARBOUR", "--evse", evse, *more)
        return await asyncio.to_thread(self.ptp.told, *words)

    def payment(self, payment_id: str) -> Json:
        lines = self.ptp.told("terminal", "payments", "--terminal", "t-1")
        return next(one for one in lines if one["payment_id"] == payment_id)

    def session(self, payment_id: str) -> Json:
        lines = self.cpo.told("terminal", "sessions", "--partner", "ptp")
        return next(one for one in lines if one["reference"] == payment_id)

    async def becomes(self, payment_id: str, state: str, paid: str) -> tuple[Json, Json]:
        """How both sides see it, once they see it so."""

        def so() -> bool:
            return (self.payment(payment_id)["state"], self.session(payment_id)["state"]) == (state, paid)

        await asyncio.to_thread(wait_for, so, f"{state} at the provider and {paid} at the CPO")
        return self.payment(payment_id), self.session(payment_id)


def number(value: Any) -> float:
    return float(value)


async def test_a_driver_pays_at_a_terminal_what_an_ocpp_16_station_delivered(counter: Counter) -> None:
    """Tap, start, session, CDR, capture and word of it, priced by the tariff for those who pay on the spot."""
    async with plugged_in(Station16, "PAY-16", counter.cpo.stations_url, counter.passwords["PAY-16"]) as one:
        await one.boot()
        await one.status("Available")
        tapped = await counter.tap("E16")
        assert (tapped["state"], number(tapped["amount"])) == ("STARTED", 60)
        name, details = one.commands.get_nowait()
        assert name == "RemoteStartTransaction"
        now = datetime.now(UTC)
        begun = await one.begin(details["id_tag"], now - timedelta(minutes=30), 1_000)
        await one.end(begun, now, 11_000)
        payment, session = await counter.becomes(tapped["payment_id"], "SETTLED", "PAID")
    assert number(payment["taken"]) == number(session["taken"]) == 37.5
    assert session["session_id"] == payment["session_id"]
    invoice = f"https://els.example/invoices/{tapped['payment_id']}"
    assert payment["invoice_url"] == session["invoice_url"] == invoice
    (cdr,) = counter.ptp.rows("select document from cdr where cdr_id = ?", payment["cdr_id"])
    told = json.loads(cdr["document"])
    assert told["invoice_reference_id"] == told["authorization_reference"] == tapped["payment_id"]
    assert told["tariffs"][0]["id"] == "AD-HOC"
    (state,) = counter.ptp.rows("select state from cdr where cdr_id = ?", payment["cdr_id"])
    assert state["state"] == "ACCEPTED", "nobody's electricity bill has a line of it"
    assert not counter.cpo.rows("select 1 from allowance")


async def test_a_session_ends_where_the_reserved_money_does(counter: Counter) -> None:
    """The station is told to stop; what it delivered too much nobody pays, and the CPO's operator sees that."""
    url, password = counter.cpo.stations_url, counter.passwords["PAY-201"]
    async with plugged_in(Station201, "PAY-201", url, password) as one:
        await one.boot()
        await one.status("Available")
        tapped = await counter.tap("E201")
        _, details = one.commands.get_nowait()
        now = datetime.now(UTC)
        token = details["id_token"]
        start = now - timedelta(minutes=30)
        answer = await one.event("Started", "T-1", start, 1_000, "RemoteStart", id_token=token)
        assert answer.id_token_info["status"] == "Accepted"
        for minute in range(60):  # What it costs is not reckoned with each reading.
            at = now - timedelta(minutes=5) + timedelta(seconds=minute)
            await one.event("Updated", "T-1", at, 18_000 + minute, "MeterValuePeriodic")
            if not one.commands.empty():
                break
            await asyncio.sleep(1)
        assert one.commands.get_nowait()[0] == "RequestStopTransaction"
        await one.event("Ended", "T-1", now, 19_000, "RemoteStop")
        payment, session = await counter.becomes(tapped["payment_id"], "SETTLED", "SHORT")
    assert number(payment["taken"]) == 60
    assert number(session["owed"]) == 67.5
    found = await asyncio.to_thread(counter.cpo.told, "finding", "list")
    assert [one for one in found if one["code"] == "terminal payment" and "67.5" in one["sample"]]


async def test_what_comes_to_nothing_is_released(counter: Counter) -> None:
    declined = await counter.tap("E16", "--card", "declined")
    assert declined["state"] == "RELEASED"
    away = await counter.tap("E16")
    assert away["state"] == "RELEASED", "the station is not connected"
    assert "FAILED" in away["why"]


async def test_the_operator_says_where_drivers_pay_and_switches_terminals_off(counter: Counter) -> None:
    cpo, ptp = counter.cpo, counter.ptp
    line = await asyncio.to_thread(cpo.told, "terminal", "assign", "T-1", "--evses", "E201")
    assert (line["locations"], line["evses"]) == ([], ["E201"])
    (there,) = await asyncio.to_thread(ptp.told, "terminal", "list")
    assert (there["locations"], there["evses"]) == ([], ["E201"])
    refused = await asyncio.to_thread(
        ptp.run, "terminal", "tap", "T-1", "--location", "HARBOUR", "--evse", "E16"
    )
    assert refused.code == 1
    assert "not assigned" in refused.stderr
    wrong = await asyncio.to_thread(cpo.run, "terminal", "assign", "T-1", "--locations", "NOWHERE")
    assert (wrong.code, "no location NOWHERE" in wrong.stderr) == (1, True)
    off = await asyncio.to_thread(cpo.told, "terminal", "deactivate", "T-1")
    assert off["state"] == "INACTIVE"
    (there,) = await asyncio.to_thread(ptp.told, "terminal", "list")
    assert there["state"] == "INACTIVE"
    refused = await asyncio.to_thread(
        ptp.run, "terminal", "tap", "T-1", "--location", "HARBOUR", "--evse", "E201"
    )
    assert "INACTIVE" in refused.stderr
    unknown = await asyncio.to_thread(cpo.run, "terminal", "activate", "ptp", "--reference", "SN-9")
    assert unknown.code == 5
    assert "HTTP 404" in unknown.stderr


async def test_money_taken_when_the_provider_ends_is_told_by_its_next_life(counter: Counter) -> None:
    """Crash between the CDR and the word of the capture: it is there once, at both."""
    await asyncio.to_thread(
        counter.cpo.told, "terminal", "activate", "ptp", "--terminal", "T-1", "--locations", "HARBOUR"
    )
    async with plugged_in(Station16, "PAY-16", counter.cpo.stations_url, counter.passwords["PAY-16"]) as one:
        await one.boot()
        tapped = await counter.tap("E16")
        _, details = await asyncio.wait_for(one.commands.get(), 30)
        now = datetime.now(UTC)
        begun = await one.begin(details["id_tag"], now - timedelta(minutes=20), 11_000)
        await asyncio.to_thread(counter.ptp.kill)
        await one.end(begun, now, 21_000)
        await asyncio.to_thread(counter.ptp.start)
        await counter.becomes(tapped["payment_id"], "SETTLED", "PAID")
    advices = counter.cpo.rows("select 1 from advice where reference = ?", tapped["payment_id"].upper())
    assert len(advices) == 1
