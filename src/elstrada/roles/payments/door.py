"""The pages that a driver's phone opens from the code on a station's display (OCPP 2.1 part 2, C25).

A page is shown for a good code alone, and looking at it does nothing. What it says is signed into its button, so that
the driver may read longer than the code is good. Unknown stations and wrong codes are answered alike.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs

import msgspec

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId
from elstrada.model.web_payment import OVER, PaymentState, WebPayment
from elstrada.net.face import Strayed
from elstrada.net.throttle import Buckets, Rate, prefix_of
from elstrada.ocpp.webpay import VERSION, NoWish, Wish, wish
from elstrada.pay.development import DevelopmentProvider
from elstrada.pay.face import ProviderAway
from elstrada.roles.payments.secrets import WebSecrets
from elstrada.roles.payments.till import NotNow, Till
from elstrada.roles.rating import UNPRICED, Rating
from elstrada.spine.face import SpineDown
from elstrada.web import languages
from elstrada.web.driver import PayPage, prices_of
from elstrada.web.guard import SECURITY_HEADERS
from elstrada.web.render import Renderer

PREFIX = "/pay"
MOST_BODY = 8 * 1024
ANY, WRONG = Rate(burst=120, per_s=5), Rate(burst=20, per_s=0.5)
"""Requests, and wrong codes, from one address."""
READS_WITHIN = timedelta(minutes=10)
"""How long a page that was shown is good."""
_KEYS = 10_000
_PAYMENT = re.compile(r"[0-9a-f-]{36}", re.ASCII)


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver was shown, and may agree to."""

    owner: str
    station_id: str
    evse_id: int
    amount: Decimal
    currency: str
    energy_wh: int | None
    time_s: int | None
    until: datetime


class PayDoor:
    """As ``HttpHandler``."""

    def __init__(
        self, till: Till, renderers: Mapping[str, Renderer], amount: Decimal, strayed: Strayed
    ) -> None:
        """
        Args:
            amount: reserved for a session at most, in the currency of its tariff.
            strayed: told of wrong codes and forms.
        """
        self._till, self._renderers, self._amount, self._strayed = till, renderers, amount, strayed
        desk = till.desk
        self._desk, self._rating = desk, Rating(desk.spine)
        self._secrets = WebSecrets(desk.spine, desk.keys, desk.clock)
        self._any, self._wrong = Buckets(ANY, _KEYS), Buckets(WRONG, _KEYS)

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        language = languages.choose(
            request.query.get("lang"), None, request.headers.get("accept-language", "")
        )
        now, caller = self._desk.clock.now(), prefix_of(remote)
        if self._wrong.wait_s(caller, now.timestamp()) or not self._any.take(caller, now.timestamp()):
            return self._page(language, 429, PayPage(says="busy"))
        try:
            return await self._served(request, remote, language)
        except (ProviderAway, SpineDown):
            return self._page(language, 503, PayPage(says="away"))

    async def _served(self, request: HttpRequest, remote: str, language: str) -> HttpResponse:
        parts = request.path.removeprefix(PREFIX).strip("/").split("/")
        match request.method, parts:
            case "GET", [owner, station_id, evse, shown, version] if version == VERSION:
                return await self._offer(request, remote, language, (owner, station_id, evse, shown))
            case "POST", ["begin"]:
                return await self._begin(request, remote, language)
            case "GET", ["p", payment_id]:
                return await self._payment(payment_id, language)
            case "POST", ["p", payment_id, "development"]:
                return await self._decide(request, payment_id, language)
            case _:
                return self._bad(remote, language, "no such page")

    # --- pages ------------------------------------------------------------------------------------------

    async def _offer(
        self, request: HttpRequest, remote: str, language: str, named: tuple[str, str, str, str]
    ) -> HttpResponse:
        """C25.FR.07 to .09: nothing is told, and nothing begun, without a good code."""
        owner_text, station_id, evse, shown = named
        try:
            owner = PartyId.parse(owner_text)
        except ValueError:
            return self._bad(remote, language, "a code for no party")
        if not evse.isascii() or not evse.isdecimal() or not 0 < int(evse[:6]) < 1000 or len(evse) > 3:
            return self._bad(remote, language, "a code for no EVSE")
        if not station_id.isprintable():
            return self._bad(remote, language, "a code for no station")
        if not await self._secrets.is_good(owner, station_id[:48], shown[:64]):
            return self._bad(remote, language, "a code that is not good")
        try:
            wanted = wish(request.query)
        except NoWish as problem:
            self._strayed(remote, "a payment's parameters", str(problem))
            return self._page(language, 400, PayPage(says="wish"))
        return await self._shown(owner, station_id, int(evse), wanted, language)

    async def _shown(
        self, owner: PartyId, station_id: str, evse_id: int, wanted: Wish, language: str
    ) -> HttpResponse:
        now = self._desk.clock.now()
        try:
            tariff = await self._rating.ad_hoc_tariff(owner, station_id, evse_id, now)
        except UNPRICED:
            # A price that is not known is not nothing, and nobody pays what he was not told.
            return self._page(language, 503, PayPage(says="unpriced"))
        amount = self._amount if wanted.cost is None else min(wanted.cost, self._amount)
        ticket = Ticket(
            owner=str(owner),
            station_id=station_id,
            evse_id=evse_id,
            amount=amount,
            currency=tariff.currency,
            energy_wh=wanted.energy_wh,
            time_s=wanted.time_s,
            until=now + READS_WITHIN,
        )
        text = msgspec.json.encode(ticket).decode()
        page = PayPage(
            says="offer",
            station_id=station_id,
            evse_id=evse_id,
            amount=amount,
            currency=tariff.currency,
            energy_wh=wanted.energy_wh,
            time_s=wanted.time_s,
            prices=prices_of(tariff),
            action=f"{PREFIX}/begin",
            ticket=text,
            signature=self._desk.keys.ticket_hash(text),
        )
        return self._page(language, 200, page)

    async def _begin(self, request: HttpRequest, remote: str, language: str) -> HttpResponse:
        form = _form(request.body)
        text, signature = form.get("ticket", ""), form.get("signature", "")
        if not hmac.compare_digest(self._desk.keys.ticket_hash(text).encode(), signature.encode()):
            return self._bad(remote, language, "a form that we did not make")
        ticket, now = msgspec.json.decode(text, type=Ticket), self._desk.clock.now()
        if ticket.until < now:
            return self._page(language, 410, PayPage(says="late"))
        payment = WebPayment(
            payment_id=self._desk.chance.uuid(),
            station_id=ticket.station_id,
            evse_id=ticket.evse_id,
            amount=ticket.amount,
            currency=ticket.currency,
            energy_wh=ticket.energy_wh,
            time_s=ticket.time_s,
            created_at=now,
        )
        try:
            url = await self._till.begin(PartyId.parse(ticket.owner), payment)
        except NotNow:
            return self._page(language, 503, PayPage(says="not now"))
        return HttpResponse(303, {**self._headers(), "location": url})

    async def _payment(self, payment_id: str, language: str) -> HttpResponse:
        found = await self._found(payment_id)
        if found is None:
            return self._page(language, 404, PayPage(says="unknown"))
        payment = await self._till.advance(*found)
        page = PayPage(
            says=payment.state.value,
            station_id=payment.station_id,
            evse_id=payment.evse_id,
            amount=payment.amount,
            currency=payment.currency,
            taken=payment.taken,
            receipt_url=payment.receipt_url if payment.receipt_url.startswith("https://") else "",
            refresh=payment.state not in OVER and not self._decides(payment),
            action=f"{PREFIX}/p/{payment.payment_id}/development" if self._decides(payment) else "",
        )
        return self._page(language, 200, page)

    async def _found(self, payment_id: str) -> tuple[PartyId, WebPayment] | None:
        return await self._till.found(payment_id) if _PAYMENT.fullmatch(payment_id) else None

    def _decides(self, payment: WebPayment) -> bool:
        """Does the driver say on our own page whether he pays?"""
        return payment.state is PaymentState.OPEN and isinstance(self._till.provider, DevelopmentProvider)

    async def _decide(self, request: HttpRequest, payment_id: str, language: str) -> HttpResponse:
        found, provider = await self._found(payment_id), self._till.provider
        if found is None or not isinstance(provider, DevelopmentProvider):
            return self._page(language, 404, PayPage(says="unknown"))
        provider.decide(found[1].payment_id, pays=_form(request.body).get("pays") == "yes")
        await self._till.advance(*found)
        return HttpResponse(303, {**self._headers(), "location": f"{PREFIX}/p/{found[1].payment_id}"})

    def _bad(self, remote: str, language: str, what: str) -> HttpResponse:
        self._strayed(remote, "refused at the pay door", what)
        self._wrong.take(prefix_of(remote), self._desk.clock.now().timestamp())
        return self._page(language, 404, PayPage(says="no code"))

    def _page(self, language: str, status: int, page: PayPage) -> HttpResponse:
        html = self._renderers[language].payment(page).encode()
        headers = {**self._headers(), "content-type": "text/html; charset=utf-8"}
        return HttpResponse(status, headers, html)

    def _headers(self) -> dict[str, str]:
        headers = {name.decode(): value.decode() for name, value in SECURITY_HEADERS}
        # A browser follows a form's redirect to the provider only if the page says so.
        targets = " ".join(("form-action 'self'", *self._till.provider.origins))
        policy = headers["content-security-policy"].replace("form-action 'self'", targets)
        return {**headers, "content-security-policy": policy, "cache-control": "no-store"}


def _form(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in fields.items()}
