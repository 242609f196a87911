"""Drivers who pay on the web from a code on a station's display: a whole process, a foreign station, and a phone."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import html
import http.client
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest
from installation import Installation, Nursery, serving
from ocpp.routing import on
from ocpp.v21 import call_result as result21
from till import Till, found, furnish, shown, station, told

BASE62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.fixture(scope="module")
def home(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    settings = ('web_payments = { provider = "development", amount = 50 }',)
    with serving(Installation(tmp_path_factory.mktemp("web"), nursery, settings=settings)) as home:
        furnish(home)
        yield home


class Display(Till):
    """A station that shows codes, by the standard's own algorithm."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.variables: dict[str, str] = {}
        self.refuses = ""
        self.notified: list[dict[str, Any]] = []
        self.starts: list[dict[str, Any]] = []

    @on("SetVariables")
    def on_set(self, set_variable_data: list[dict[str, Any]]) -> Any:
        results = []
        for one in set_variable_data:
            name = one["variable"]["name"]
            status = "Rejected" if name == self.refuses else "Accepted"
            if status == "Accepted":
                self.variables[name] = one["attribute_value"]
            same = {key: one[key] for key in ("component", "variable")}
            results.append({"attribute_status": status, **same})
        return result21.SetVariables(set_variable_result=results)

    @on("NotifyWebPaymentStarted")
    def on_web_payment(self, evse_id: int, timeout: int) -> Any:
        self.notified.append({"evse_id": evse_id, "timeout": timeout})
        return result21.NotifyWebPaymentStarted()

    @on("RequestStartTransaction")
    def on_start(self, id_token: dict[str, Any], remote_start_id: int, **more: Any) -> Any:
        self.starts.append({"id_token": id_token, "remote_start_id": remote_start_id, **more})
        return result21.RequestStartTransaction(status=self.answers.get("Start", "Accepted"))

    def url(self, steps: int = 0, alphabet: str = BASE62, **wishes: object) -> str:
        """What its code says; of so many intervals later."""
        interval = int(time.time()) // int(self.variables["ValidityTime"]) + steps
        secret = self.variables["SharedSecret"].encode()
        digest = hmac.new(secret, interval.to_bytes(8, "big"), hashlib.sha256).digest()
        offset = digest[-1] & 15
        characters = (digest[(offset + i) % 32] for i in range(int(self.variables["Length"])))
        code = "".join(alphabet[one % len(alphabet)] for one in characters)
        filled = {"chargingstationid": self.id, "evse": "1", "totp": code, "version": "v1"}
        url = re.sub(r"\{(\w+)\}", lambda found: filled[found[1]], self.variables["URLTemplate"])
        return f"{url}?{urlencode(wishes)}" if wishes else url


class Page(NamedTuple):
    status: int
    text: str
    location: str
    headers: dict[str, str]

    def field(self, name: str) -> str:
        value = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert value is not None, self.text
        return html.unescape(value[1])


async def phone(home: Installation, method: str, url: str, form: dict[str, str] | None = None) -> Page:
    def ask() -> Page:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(home.http_url.removeprefix("http://"), timeout=30)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {"content-type": "application/x-www-form-urlencoded"} if form is not None else {}
        connection.request(method, path, urlencode(form or {}), headers)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        page = Page(answer.status, answer.read().decode(), told.get("location", ""), told)
        connection.close()
        return page

    return await asyncio.to_thread(ask)


async def begun(home: Installation, url: str) -> str:
    """A driver scans a code and goes on to the payment; its page."""
    offer = await phone(home, "GET", url)
    assert offer.status == 200, offer.text
    form = {"ticket": offer.field("ticket"), "signature": offer.field("signature")}
    begun = await phone(home, "POST", "/pay/begin", form)
    assert begun.status == 303, begun.text
    return begun.location


async def decided(home: Installation, page: str, pays: str = "yes") -> Page:
    assert (await phone(home, "POST", f"{page}/development", {"pays": pays})).status == 303
    return await phone(home, "GET", page)


async def paid(home: Installation, station_id: str, state: str) -> dict[str, Any]:
    """The station's latest payment, once it is in this state."""
    for _ in range(200):
        (line,) = await told(home, "payment", "list", "--station", station_id, "--limit", "1")
        if line["state"] == state:
            return dict(line)
        await asyncio.sleep(0.1)
    raise AssertionError(f"{line} never came to {state}")


async def test_a_driver_pays_on_the_web_what_the_session_cost(home: Installation) -> None:
    """C25: the code, the price, the notice, the start with limits, and what is taken."""
    now = datetime.now(UTC)
    async with station(home, "QR-E1", "E1", Display) as one:
        await told(home, "station", "qr", "QR-E1")
        assert (one.variables["Enabled"], one.variables["TOTPVersion"]) == ("true", "v1")
        offer = await phone(home, "GET", one.url(maxenergy=20000, maxtime=3600))
        assert "SEK\xa03.75" in html.unescape(offer.text)
        assert "SEK\xa050.00" in html.unescape(offer.text)
        assert offer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in offer.headers["content-security-policy"]
        assert one.notified == [], "whoever only looks begins nothing"
        page = await begun(home, one.url(maxenergy=20000, maxtime=3600))
        assert one.notified == [{"evse_id": 1, "timeout": 600}]
        assert one.starts == [], "nothing is paid yet"
        started = await decided(home, page)
        assert "The station starts" in started.text
        (start,) = one.starts
        assert start["id_token"]["type"] == "DirectPayment"
        assert start["evse_id"] == 1

        info = {"remote_start_id": start["remote_start_id"]}
        begin = now - timedelta(minutes=30)
        answer = await one.told(
            "Started", "t1", begin, 0, id_token=start["id_token"], info=info, trigger="RemoteStart"
        )
        assert answer.id_token_info["status"] == "Accepted"
        assert answer.transaction_limit == {"max_cost": 50, "max_energy": 20000, "max_time": 3600}
        assert (await one.told("Ended", "t1", now, 10_000)).total_cost == 37.5
        line = await paid(home, "QR-E1", "SETTLED")
        assert (float(line["taken"]), float(line["amount"]), line["currency"]) == (37.5, 50, "SEK")
        assert "SEK\xa037.50" in html.unescape((await phone(home, "GET", page)).text)
        await shown(home, "QR-E1")
        by_payment = "select 1 from session where authorization_reference = ?"
        assert len(home.rows(by_payment, line["payment_id"])) == 1
        (limit,) = await told(home, "token", "limits")
        assert (float(limit["credit"]), limit["most_cost"]) == (0, None), "what was paid is spent"
        again = await one.told(
            "Started", "t1b", now, 10_000, id_token=start["id_token"], trigger="Authorized"
        )
        assert again.id_token_info["status"] == "NoCredit", "one payment pays for one session"
        assert not home.rows("select 1 from log where body like ?", f"%{line['psp_ref']}%")
        secret = one.variables["SharedSecret"]
        assert not home.rows("select 1 from log where body like ?", f"%{secret}%")
        assert not home.rows("select 1 from web_secret where sealed like ?", f"%{secret}%")
        assert not home.rows("select 1 from station_item where document like ?", f"%{secret}%")


async def test_a_code_is_good_for_its_interval_and_those_beside_it(home: Installation) -> None:
    """C25.FR.07, .08; the alphabet as the standard prints it lacks an o."""
    async with station(home, "QR-E2", "E2", Display) as one:
        await told(home, "station", "qr", "QR-E2", "--valid-s", "3600", "--length", "16")
        for steps in (-1, 0, 1):
            for alphabet in (BASE62, BASE62.replace("o", "")):
                assert (await phone(home, "GET", one.url(steps, alphabet))).status == 200
        wrong = [
            *(one.url(steps) for steps in (-2, 2)),
            one.url().replace("QR-E2", "QR-E9"),
            one.url().replace("SE*ELS", "SE*XXX"),
            one.url().replace("/1/", "/0/"),
            one.url().replace("/1/", "/1e3/"),
            one.url().replace("/v1", "/v2"),
            one.url()[:-4],
        ]
        texts = {(page.status, page.text) for page in [await phone(home, "GET", url) for url in wrong]}
        assert {status for status, _ in texts} == {404}
        assert len(texts) == 1, "all are answered alike"
        assert one.notified == []
        for wish in ({"maxenergy": "0"}, {"maxtime": "-1"}, {"maxcost": "NaN"}, {"maxenergy": "1e3"}):
            assert (await phone(home, "GET", one.url(**wish))).status == 400
        page = await phone(home, "GET", one.url(maxcost="20.555", colour="blue"))
        assert "SEK\xa020.55" in html.unescape(page.text)
        page = await phone(home, "GET", one.url(maxcost=900))
        assert "SEK\xa050.00" in html.unescape(page.text), "no more than the operator reserves"
        finding = await found(home, "127.0.0.1", "refused at the pay door")
        assert finding["count"] >= len(wrong)


async def test_a_form_that_was_changed_begins_nothing(home: Installation) -> None:
    async with station(home, "QR-E3", "E3", Display) as one:
        await told(home, "station", "qr", "QR-E3")
        offer = await phone(home, "GET", one.url())
        form = {"ticket": offer.field("ticket"), "signature": offer.field("signature")}
        changed = {**form, "ticket": form["ticket"].replace("50", "1")}
        for bad in (changed, {**form, "signature": ""}, {"ticket": "x"}, {}):
            assert (await phone(home, "POST", "/pay/begin", bad)).status == 404
        assert (await phone(home, "GET", "/pay/p/nobody")).status == 404
        assert one.notified == []
        assert not await told(home, "payment", "list", "--station", "QR-E3")


async def test_nothing_is_taken_where_no_session_follows(home: Installation) -> None:
    """The driver leaves; the station refuses; and it costs nothing (C20)."""
    async with station(home, "QR-E4", "E4", Display) as one:
        await told(home, "station", "qr", "QR-E4")
        left = await decided(home, await begun(home, one.url()), pays="no")
        assert "You pay nothing" in left.text
        assert (await paid(home, "QR-E4", "RELEASED"))["why"] == "the driver did not pay"
        assert one.starts == []

        one.answers["Start"] = "Rejected"
        assert "You pay nothing" in (await decided(home, await begun(home, one.url()))).text
        line = await paid(home, "QR-E4", "RELEASED")
        assert line["why"] == "the station answered the start with REJECTED"
        one.answers["Start"] = "Accepted"

        page = await begun(home, one.url())
        await decided(home, page)
        start, now = one.starts[-1], datetime.now(UTC)
        more = {"info": {"remote_start_id": start["remote_start_id"], "charging_state": "EVConnected"}}
        await one.told("Started", "t1", now, 0, id_token=start["id_token"], trigger="RemoteStart", **more)
        off = {"info": {"charging_state": "Idle"}, "trigger": "EVConnectTimeout"}
        assert (await one.told("Ended", "t1", now, 0, **off)).total_cost == 0
        assert (await paid(home, "QR-E4", "RELEASED"))["why"] == "it cost nothing"
        again = await one.told("Started", "t1b", now, 0, id_token=start["id_token"], trigger="Authorized")
        assert again.id_token_info["status"] == "NoCredit"
        assert "You pay nothing" in (await phone(home, "GET", page)).text

        # Refused, and come to all the same: nobody would pay for that.
        one.answers["Start"] = "Rejected"
        await decided(home, await begun(home, one.url()))
        assert (await paid(home, "QR-E4", "RELEASED"))[
            "why"
        ] == "the station answered the start with REJECTED"
        start, now = one.starts[-1], datetime.now(UTC)
        more = {"info": {"remote_start_id": start["remote_start_id"], "charging_state": "Charging"}}
        late = await one.told(
            "Started", "t2", now, 0, id_token=start["id_token"], trigger="RemoteStart", **more
        )
        assert late.id_token_info["status"] == "NoCredit"


async def test_a_secret_that_the_station_refused_changes_nothing(home: Installation) -> None:
    async with station(home, "QR-E5", "E5", Display) as one:
        await told(home, "station", "qr", "QR-E5")
        one.refuses = "SharedSecret"
        refused = await asyncio.to_thread(home.run, "station", "qr", "QR-E5")
        assert refused.code != 0
        assert "WebPaymentsCtrlr.SharedSecret with Rejected" in refused.stderr
        assert (await phone(home, "GET", one.url())).status == 200, "the old one holds"
        one.refuses, before = "", one.url()
        await told(home, "station", "qr", "QR-E5")
        assert (await phone(home, "GET", before)).status == 404
        assert (await phone(home, "GET", one.url())).status == 200
        pages = [await begun(home, one.url()) for _ in range(3)]
        assert len(set(pages)) == 3
        offer = await phone(home, "GET", one.url())
        form = {"ticket": offer.field("ticket"), "signature": offer.field("signature")}
        assert (await phone(home, "POST", "/pay/begin", form)).status == 503, "others are paying there"
        await told(home, "station", "qr", "QR-E5", "--off")
        assert one.variables["Enabled"] == "false"
    assert (await phone(home, "POST", "/pay/begin", form)).status == 503


async def test_whoever_guesses_is_slowed_down(home: Installation) -> None:
    async with station(home, "QR-E6", "E6", Display) as one:
        await told(home, "station", "qr", "QR-E6")
        statuses = [(await phone(home, "GET", one.url(9))).status for _ in range(40)]
        assert set(statuses) == {404, 429}
        assert await refused_after_guesses(home, one)


async def refused_after_guesses(home: Installation, one: Display) -> bool:
    """Is the right code refused to whoever has just guessed? A guess is forgiven every two seconds, which
    may fall between the two requests; so once more then.
    """
    for _ in range(40):
        guess = (await phone(home, "GET", one.url(9))).status
        if guess == 429 and (await phone(home, "GET", one.url())).status == 429:
            return True
    return False
