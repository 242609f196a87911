"""Payments at terminals of ours, as a payment terminal provider: reserved, ordered, taken and told (OCPI 2.3.0 payments).

Every step is written down before it is done, and done again if nobody knows whether it was; the payment provider
takes each once (``pay.face``), and the CPO hears of each once, however often it is told. The order to start alone
is never repeated.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from elstrada.model.cdr import Cdr
from elstrada.model.cost import Price, TaxAmount
from elstrada.model.currencies import payable
from elstrada.model.facts import PaymentAdvised
from elstrada.model.ids import PartyId, advice_stream
from elstrada.model.location import Connector, Evse, Location
from elstrada.model.party import Party, Peer, PeerState
from elstrada.model.session import SessionStatus
from elstrada.model.tariff import Tariff
from elstrada.model.terminal import (
    Advice,
    CaptureStatus,
    InvoiceCreator,
    TerminalState,
    invoice_url,
    key_of,
)
from elstrada.model.terminal_payment import TapState, TerminalPayment
from elstrada.model.token import Token, Whitelist
from elstrada.ocpi.nesting import find_evse
from elstrada.ocpi.v221.commands import ResultType
from elstrada.pay.development import DevelopmentProvider
from elstrada.pay.face import CaptureRefused, Order, Provider, ProviderAway
from elstrada.roaming.news import Kind
from elstrada.roles.roaming.any_case import row_of
from elstrada.roles.roaming.commander import Commander
from elstrada.roles.roaming.marks import mark
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers
from elstrada.roles.roaming.terminal_book import Known, known_terminal
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Row, RowMoved, SpineDown, StreamMoved, Work
from elstrada.spine.paging import merged
from elstrada.tariffs.choose import choose
from elstrada.tariffs.refusals import NoTariff

log = logging.getLogger(__name__)

PAYS_WITHIN = timedelta(minutes=2)
"""So long a driver holds a card to the terminal."""
ORDERS_WITHIN = timedelta(minutes=3)
"""So long the order to start may take; if nobody knows of it then, it may have been given."""
STARTS_WITHIN = timedelta(minutes=20)
"""Within this a session is told of, or the money is released."""
LOOK_S = 2.0
SHORT, AWAY, FAILED = "terminal payment falls short", "payment provider away", "terminal payment failed"
STUCK = "terminal payment stands still"
_OPEN = (TapState.OPEN, TapState.RESERVED, TapState.STARTED, TapState.DUE, TapState.RELEASING)
_MOST_LOOKED_AT, _LONGEST_UID = 5_000, 20


class Card(StrEnum):
    """How the card of a driver who is only played turns out."""

    GOOD = "GOOD"
    DECLINED = "DECLINED"
    EMPTY = "EMPTY"
    """The money is reserved, and is not to be had later."""


class NoTap(Exception):
    """Nobody can pay so; the message says why. Nothing was reserved."""

    def __init__(self, why: str, hint: str = "", pointer: str = "") -> None:
        super().__init__(why)
        self.hint, self.pointer = hint, pointer


class Tap(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver does at a terminal."""

    terminal_id: str
    location_id: str
    evse_uid: str
    connector_id: str | None = None
    """None: the EVSE's first."""
    card: Card = Card.GOOD


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    known: Known
    peer: Peer
    location: Location
    evse: Evse
    connector: Connector
    tariff: Tariff


class Taps:
    """Takes payments at the terminals of our parties that are payment terminal providers."""

    def __init__(
        self, means: Means, peers: Peers, commander: Commander, provider: Provider, pay_url: str
    ) -> None:
        self._means, self._peers, self._commander = means, peers, commander
        self.provider, self._pay_url = provider, pay_url

    # --- at the terminal --------------------------------------------------------------------------------

    async def tap(self, own: Party, tap: Tap) -> TerminalPayment:
        """Play a driver who chooses a connector at a terminal, sees its price and holds a card to it.

        Raises:
            NoTap: nothing was reserved.
            ProviderAway, SpineDown: it is not known how far it came.
        """
        provider = self.provider
        if not isinstance(provider, DevelopmentProvider):
            raise NoTap("a driver can be played with the development provider alone")
        place = await self._place(own.id, tap)
        amount = place.tariff.preauthorize_amount
        assert amount is not None, "such a tariff was looked for"
        payment = TerminalPayment(
            payment_id=self._means.chance.uuid(),
            terminal_id=place.known.terminal.terminal_id,
            peer_id=place.peer.id,
            cpo=place.known.cpo,
            location_id=place.location.id,
            evse_uid=place.evse.uid,
            connector_id=place.connector.id,
            amount=amount,
            currency=place.tariff.currency,
            created_at=self._means.clock.now(),
        )
        await self._means.spine.commit(Work(writes=(Put(t.terminal_payment, _row(own.id, payment), {}),)))
        await provider.begin(
            Order(
                payment_id=payment.payment_id,
                amount=amount,
                currency=payment.currency,
                return_url=f"{self._pay_url}/t/{payment.payment_id}",
            )
        )
        provider.decide(payment.payment_id, pays=tap.card is not Card.DECLINED)
        if tap.card is Card.EMPTY:
            provider.fail(payment.payment_id)
        return await self._reserved(own, payment, place)

    async def _place(self, owner: PartyId, tap: Tap) -> _Place:
        """Where the driver wants to charge, if its CPO lets drivers pay there at this terminal."""
        spine = self._means.spine
        known = await known_terminal(spine, owner, owner, tap.terminal_id)
        if known is None:
            raise NoTap(f"there is no terminal {tap.terminal_id!r} of {owner}", "", "/terminal")
        if known.state is not TerminalState.ACTIVE:
            raise NoTap(f"terminal {tap.terminal_id} is {known.state.value}", "", "/terminal")
        peer = await self._peers.get(owner, known.peer_id)
        if peer is None or peer.state is not PeerState.ACTIVE:
            raise NoTap(f"partner {known.peer_id} is not registered", "see `elstrada partner list`")
        row = await row_of(spine, t.location, owner, known.cpo, tap.location_id)
        if row is None:
            raise NoTap(f"{known.cpo} has told of no location {tap.location_id!r}", "", "/location")
        location = msgspec.json.decode(str(row["document"]), type=Location)
        evse = find_evse(location, tap.evse_uid)
        if evse is None or not known.terminal.serves(location.id, evse.uid):
            says = f"terminal {tap.terminal_id} is not assigned to EVSE {tap.evse_uid!r} of {location.id}"
            raise NoTap(says, "its CPO assigns it: `elstrada terminal assign`", "/evse")
        named = [one for one in evse.connectors if tap.connector_id in (None, one.id)]
        if not named:
            raise NoTap(f"EVSE {evse.uid} has no connector {tap.connector_id!r}", "", "/connector")
        tariff = await self._tariff(owner, known.cpo, named[0])
        return _Place(known=known, peer=peer, location=location, evse=evse, connector=named[0], tariff=tariff)

    async def _tariff(self, owner: PartyId, cpo: PartyId, connector: Connector) -> Tariff:
        """The tariff that the driver is shown: who is told no price pays nothing."""
        found: list[Tariff] = []
        for tariff_id in connector.tariff_ids:
            row = await row_of(self._means.spine, t.tariff, owner, cpo, tariff_id)
            if row is not None:
                found.append(msgspec.json.decode(str(row["document"]), type=Tariff))
        try:
            tariff = choose(found, at=self._means.clock.now(), ad_hoc=True)
        except NoTariff as problem:
            raise NoTap(str(problem)) from None
        if tariff.preauthorize_amount is None or tariff.preauthorize_amount <= 0:
            raise NoTap(f"tariff {tariff.id} of {cpo} says not how much to reserve (preauthorize_amount)")
        return tariff

    # --- afterwards -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look after payments until cancelled: one node of an installation at a time."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except SpineDown as down:
                log.warning("payments at terminals wait, for the store is down: %s", down)
            except Exception:
                log.exception("payments at terminals could not be looked after; it is tried again")

    async def look(self) -> None:
        """Take the next step of each payment that is not over."""
        spine = self._means.spine
        parties = await spine.find(t.party, order=("party",))
        wheres = [{"owner": row["party"], "state": state.value} for row in parties for state in _OPEN]
        rows = await merged(spine, t.terminal_payment, wheres, ("created_at",), _MOST_LOOKED_AT, None)
        for row in rows:
            owner, payment = PartyId.parse(str(row["owner"])), payment_of(row)
            try:
                await self.advance(owner, payment)
            except ProviderAway as why:
                self._note(owner, payment, AWAY, str(why))
            except RowMoved:
                pass  # Somebody else took the step.
            except SpineDown:
                raise
            except Exception as problem:
                # One that nobody can go on with holds up nobody else's money.
                log.exception("terminal payment %s of %s stands still", payment.payment_id, owner)
                self._note(owner, payment, STUCK, f"{type(problem).__name__}: {problem}"[:300])

    async def advance(self, owner: PartyId, payment: TerminalPayment) -> TerminalPayment:
        """Take the next step, if it is time for one.

        Raises:
            ProviderAway, RowMoved, SpineDown: it is not known whether it was taken.
        """
        age = self._means.clock.now() - payment.created_at
        match payment.state:
            case TapState.OPEN if age > PAYS_WITHIN:
                return await self._release(owner, payment, "the driver did not pay in time")
            case TapState.RESERVED if age > ORDERS_WITHIN:
                # Whoever gave the order is gone: nobody knows whether the station heard of it.
                return await self._became(owner, payment, state=TapState.STARTED)
            case TapState.STARTED:
                return await self._follow(owner, payment, age)
            case TapState.DUE:
                return await self._settle(owner, payment)
            case TapState.RELEASING:
                await self.provider.release(payment.payment_id)
                return await self._became(owner, payment, state=TapState.RELEASED, psp_ref="")
            case _:
                return payment

    # --- steps ------------------------------------------------------------------------------------------

    async def _reserved(self, own: Party, payment: TerminalPayment, place: _Place) -> TerminalPayment:
        told = await self.provider.state(payment.payment_id)
        if told.psp_ref is None:
            return await self._release(own.id, payment, "the card was declined")
        reserved = await self._became(own.id, payment, state=TapState.RESERVED, psp_ref=told.psp_ref)
        token = Token(
            party=own.id,
            uid=uid_of(payment.payment_id),
            type="AD_HOC_USER",
            contract_id=f"{own.id.country_code}{own.id.party_id}C{payment.payment_id}"[:36],
            issuer=own.business.name[:64],
            valid=True,
            whitelist=Whitelist.NEVER,
            last_updated=payment.created_at,
        )
        ended = await self._commander.start(
            place.peer,
            place.known.cpo,
            token,
            place.location.id,
            place.evse,
            place.connector.id,
            payment.payment_id,
        )
        if ended.result in (ResultType.ACCEPTED, ResultType.TIMEOUT):
            # Of one that did not answer it is not known whether it starts: its session tells.
            return await self._became(own.id, reserved, state=TapState.STARTED)
        detail = f" ({ended.detail})" if ended.detail else ""
        why = f"{place.known.cpo} answered the start with {ended.result.value}{detail}"
        return await self._release(own.id, reserved, why)

    async def _follow(self, owner: PartyId, payment: TerminalPayment, age: timedelta) -> TerminalPayment:
        if not payment.session_id:
            if age > STARTS_WITHIN:
                return await self._release(owner, payment, "no session began")
            return payment
        key = {"owner": str(owner), "party": str(payment.cpo), "session_id": payment.session_id}
        row = await self._means.spine.get(t.roamed_session, **key)
        if row is not None and row["status"] == SessionStatus.INVALID.value:
            return await self._release(owner, payment, "the CPO says that the session was none")
        return payment

    async def _settle(self, owner: PartyId, payment: TerminalPayment) -> TerminalPayment:
        """Take what the CDR says, and no more than is reserved; the CPO is told by the same commit."""
        key = {"owner": str(owner), "party": str(payment.cpo), "cdr_id": payment.cdr_id}
        row = await self._means.spine.get(t.cdr, **key)
        assert row is not None, "its CDR made it due"
        cdr = msgspec.json.decode(str(row["document"]), type=Cdr)
        payment = replace(payment, invoice_url=await self._invoice(owner, payment, cdr))
        owed = payable(payment.owed or Decimal(0), payment.currency)
        if not payment.psp_ref:
            return await self._failed(owner, payment, "nothing is reserved any more")
        if cdr.currency != payment.currency:
            await self.provider.release(payment.payment_id)
            says = f"the CDR is in {cdr.currency}, and {payment.currency} were reserved"
            return await self._failed(owner, payment, says)
        if owed <= 0:
            await self.provider.release(payment.payment_id)
            return await self._over(owner, payment, cdr, Decimal(0), CaptureStatus.SUCCESS, "it cost nothing")
        taken, status, why = min(owed, payment.amount), CaptureStatus.SUCCESS, ""
        if taken < owed:
            status = CaptureStatus.PARTIAL_SUCCESS
            why = f"{owed} {payment.currency} are owed, and {payment.amount} were reserved"
            self._note(owner, payment, SHORT, why)
        try:
            receipt = await self.provider.capture(payment.payment_id, taken, payment.currency)
        except CaptureRefused as refused:
            return await self._failed(owner, payment, str(refused))
        payment = replace(payment, receipt_url=receipt[:2000])
        return await self._over(owner, payment, cdr, taken, status, why)

    async def _invoice(self, owner: PartyId, payment: TerminalPayment, cdr: Cdr) -> str:
        """Where the driver finds the CPO's invoice: only if the CDR says that it made one."""
        known = await known_terminal(self._means.spine, owner, owner, payment.terminal_id)
        if cdr.invoice_reference_id is None or known is None:
            return ""
        if known.terminal.invoice_creator is InvoiceCreator.PTP:
            return ""
        return invoice_url(known.terminal.invoice_base_url, payment.payment_id) or ""

    async def _failed(self, owner: PartyId, payment: TerminalPayment, why: str) -> TerminalPayment:
        self._note(owner, payment, FAILED, why)
        return await self._over(owner, payment, None, Decimal(0), CaptureStatus.FAILED, why)

    async def _over(
        self,
        owner: PartyId,
        payment: TerminalPayment,
        cdr: Cdr | None,
        taken: Decimal,
        status: CaptureStatus,
        why: str,
    ) -> TerminalPayment:
        """Write down how it ended, and that the CPO is to hear of it: both, or neither."""
        now = self._means.clock.now()
        advice = Advice(
            id=payment.payment_id,
            authorization_reference=payment.payment_id,
            total_costs=_shared(taken, cdr),
            currency=payment.currency,
            capture_status_code=status,
            capture_status_message=why[:255] or None,
            last_updated=now,
        )
        over = replace(payment, state=TapState.SETTLED, taken=taken, why=why)
        fact = PaymentAdvised(advice, payment.cpo, payment.peer_id)
        peer = await self._peers.get(owner, payment.peer_id)
        position = await self._means.spine.commit(Work())
        marks = () if peer is None else (mark(peer, Kind.ADVICE, advice.id, position=position, now=now),)
        append = Append(advice_stream(owner, owner, advice.id), 0, (fact,))
        before = await self._means.spine.get(
            t.terminal_payment, owner=str(owner), payment_id=payment.payment_id
        )
        assert before is not None, "it was read a moment ago"
        if payment_of(before).state is not TapState.DUE:
            raise RowMoved(t.terminal_payment.name, {"payment_id": payment.payment_id})
        put = Put(t.terminal_payment, _row(owner, over), {"document": before["document"]})
        try:
            await self._means.spine.commit(Work(appends=(append,), writes=(put, *marks)))
        except StreamMoved:
            raise RowMoved(t.terminal_payment.name, {"payment_id": payment.payment_id}) from None
        return over

    async def _release(self, owner: PartyId, payment: TerminalPayment, why: str) -> TerminalPayment:
        """Give back what is reserved. A CDR that comes all the same is answered with a failure."""
        releasing = await self._became(owner, payment, state=TapState.RELEASING, why=why)
        return await self.advance(owner, releasing)

    # --- records ----------------------------------------------------------------------------------------

    async def _became(self, owner: PartyId, payment: TerminalPayment, **changes: object) -> TerminalPayment:
        """Write a step down, on what the log has told of the payment meanwhile.

        Raises:
            RowMoved: somebody else took a step.
        """
        row = await self._means.spine.get(t.terminal_payment, owner=str(owner), payment_id=payment.payment_id)
        assert row is not None, "it was written before"
        known = payment_of(row)
        if known.state is TapState.DUE and changes.get("state") is TapState.STARTED:
            changes.pop("state")  # Its CDR was faster.
        elif known.state is not payment.state:
            raise RowMoved(t.terminal_payment.name, {"payment_id": payment.payment_id})
        now: TerminalPayment = replace(known, **changes)
        put = Put(t.terminal_payment, _row(owner, now), {"document": row["document"]})
        await self._means.spine.commit(Work(writes=(put,)))
        return now

    def _note(self, owner: PartyId, payment: TerminalPayment, code: str, says: str) -> None:
        self._means.findings.note(f"payment:{owner}/{payment.payment_id}", code, says)


def uid_of(payment_id: str) -> str:
    """What stands for the driver's card, in as many characters as a station of OCPP 1.6 can show."""
    return f"T{payment_id.replace('-', '')}"[:_LONGEST_UID].upper()


def payment_of(row: Row) -> TerminalPayment:
    return msgspec.json.decode(str(row["document"]), type=TerminalPayment)


def _row(owner: PartyId, payment: TerminalPayment) -> Row:
    return {
        "owner": str(owner),
        "payment_id": payment.payment_id,
        "terminal_id": key_of(payment.terminal_id),
        "state": payment.state.value,
        "created_at": payment.created_at,
        "document": msgspec.json.encode(payment).decode(),
    }


def _shared(taken: Decimal, cdr: Cdr | None) -> Price:
    """What was taken, with its taxes in the proportion of the CDR's."""
    total = None if cdr is None else cdr.total_cost
    if cdr is None or total is None or not total.taxes or not total.after_taxes:
        return Price(taken)
    taxes = tuple(
        TaxAmount(
            one.name,
            payable(one.amount * taken / total.after_taxes, cdr.currency),
            one.percentage,
            one.account_number,
        )
        for one in total.taxes
    )
    return Price(taken - sum((one.amount for one in taxes), Decimal(0)), taxes)
