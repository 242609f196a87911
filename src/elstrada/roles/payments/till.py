"""A payment's course: begun, reserved, its session started with limits, and settled when that has its CDR.

Every step is written down before it is done, and done again if nobody knows whether it was; the provider and the
station take each once (``pay.face``; P5). Source: OCPP 2.1 part 2, C25.FR.20 to .40.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from decimal import Decimal
from typing import cast

import msgspec
from msgspec.structs import replace

from elstrada.billing.cdr import cdr_id_of
from elstrada.model.allowance import Allowance, SessionLimit
from elstrada.model.asks import Command, PresentedToken
from elstrada.model.cost import Cost
from elstrada.model.currencies import payable
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.ids import PartyId
from elstrada.model.web_payment import PaymentState, WebPayment
from elstrada.pay.face import CaptureRefused, Order, Provider, ProviderAway
from elstrada.roles.desk.calling import called
from elstrada.roles.desk.commands import given
from elstrada.roles.desk.face import Desk
from elstrada.roles.desk.lookups import document
from elstrada.roles.desk.paging import owners
from elstrada.roles.findings import Findings
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Put, Row, RowMoved, SpineDown, Work
from elstrada.spine.paging import merged

log = logging.getLogger(__name__)

PAYS_WITHIN = timedelta(minutes=10)
"""So long a driver may take at the provider's page; the station is told the same."""
STARTS_WITHIN = timedelta(minutes=15)
"""Within this of the station's yes its session begins, or the money is released (rule 33)."""
LOOK_S = 5.0
MOST_OPEN = 3
"""Payments at one EVSE whose driver is at the provider's page: one may come back, and another begin."""
SHORT, AWAY, STUCK = "web payment falls short", "payment provider away", "web payment stands still"
_MOST_LOOKED_AT = 5_000
_NOTIFY_S = 5
_OPEN = (PaymentState.OPEN, PaymentState.RESERVED, PaymentState.STARTED)
_STARTS = (CommandResult.ACCEPTED, CommandResult.SCHEDULED)


class NotNow(Exception):
    """A payment cannot be begun; nothing was reserved."""


class Till:
    """Takes payments for the stations of an installation."""

    def __init__(self, desk: Desk, provider: Provider, findings: Findings) -> None:
        self.desk, self.provider, self._findings = desk, provider, findings

    async def begin(self, owner: PartyId, payment: WebPayment) -> str:
        """Begin a payment, and tell the station so.

        Returns:
            Where the driver pays.
        Raises:
            NotNow, SpineDown.
        """
        here = {"owner": str(owner), "station_id": payment.station_id, "evse_id": payment.evse_id}
        where = {**here, "state": AnyOf(tuple(state.value for state in _OPEN))}
        paying = await self.desk.spine.count(t.web_payment, where, most=MOST_OPEN)
        if paying and paying[0]["count"] == MOST_OPEN:
            raise NotNow("others are paying there")
        fields = {"evseId": payment.evse_id, "timeout": int(PAYS_WITHIN.total_seconds())}
        payload = msgspec.json.encode(fields).decode()
        _, told = await called(
            self.desk, owner, payment.station_id, "NotifyWebPaymentStarted", payload, _NOTIFY_S
        )
        if told.result in (CommandResult.OFFLINE, CommandResult.TIMEOUT):
            raise NotNow("the station cannot be reached")
        order = Order(
            payment_id=payment.payment_id,
            amount=payment.amount,
            currency=payment.currency,
            return_url=f"{self.desk.pay_url}/p/{payment.payment_id}",
        )
        await self._write(owner, payment, None)
        try:
            return await self.provider.begin(order)
        except ProviderAway as why:
            self._findings.note(f"station:{owner}/{payment.station_id}", AWAY, str(why))
            await self._write(
                owner, replace(payment, state=PaymentState.RELEASED, why="no provider"), payment
            )
            raise NotNow("the payment provider cannot be reached") from None

    async def found(self, payment_id: str) -> tuple[PartyId, WebPayment] | None:
        """A payment by the name that only its driver has."""
        rows = await self.desk.spine.find(t.web_payment, {"payment_id": payment_id}, limit=1)
        return (PartyId.parse(str(rows[0]["owner"])), _payment(rows[0])) if rows else None

    async def advance(self, owner: PartyId, payment: WebPayment) -> WebPayment:
        """Take the next step, if it is time for one; how it stands then.

        Raises:
            ProviderAway, SpineDown: it is not known whether the step was taken.
        """
        try:
            match payment.state:
                case PaymentState.OPEN:
                    return await self._reserve(owner, payment)
                case PaymentState.RESERVED:
                    return await self._follow_start(owner, payment)
                case PaymentState.STARTED:
                    return await self._settle(owner, payment)
                case _:
                    return payment
        except RowMoved:
            again = await self.found(payment.payment_id)  # Somebody else took the step.
            return payment if again is None else again[1]

    async def run(self) -> None:
        """Look after payments until cancelled: one node of an installation at a time."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except SpineDown as down:
                log.warning("payments wait, for the store is down: %s", down)
            except Exception:
                log.exception("payments could not be looked after; it is tried again")

    async def look(self) -> None:
        """Take the next step of each payment that is not over."""
        mine = await owners(self.desk, None)
        wheres = [{"owner": owner, "state": state.value} for owner in mine for state in _OPEN]
        rows = await merged(self.desk.spine, t.web_payment, wheres, ("-changed_at",), _MOST_LOOKED_AT, None)
        for row in rows:
            owner, payment = PartyId.parse(str(row["owner"])), _payment(row)
            try:
                await self.advance(owner, payment)
            except ProviderAway as why:
                self._findings.note(f"station:{owner}/{payment.station_id}", AWAY, str(why))
            except SpineDown:
                raise
            except Exception as problem:
                # One that nobody can go on with holds up nobody else's money.
                log.exception("payment %s of %s stands still", payment.payment_id, owner)
                says = f"{type(problem).__name__}: {problem}"[:300]
                self._findings.note(f"station:{owner}/{payment.station_id}", STUCK, says)

    # --- steps ------------------------------------------------------------------------------------------

    async def _reserve(self, owner: PartyId, payment: WebPayment) -> WebPayment:
        told = await self.provider.state(payment.payment_id)
        if told.refused:
            return await self._release(owner, payment, "the driver did not pay")
        if told.psp_ref is None:
            if self.desk.clock.now() - payment.created_at > PAYS_WITHIN:
                return await self._release(owner, payment, "the driver did not pay in time")
            return payment
        command_id = self.desk.chance.uuid()
        reserved = replace(payment, state=PaymentState.RESERVED, psp_ref=told.psp_ref, command_id=command_id)
        await self._write(owner, reserved, payment, self._bound(owner, reserved))
        token = PresentedToken(told.psp_ref, "DirectPayment")
        start = Command(
            command_id=command_id,
            name=CommandName.START,
            asked_by=owner,
            evse_id=payment.evse_id,
            token=token,
            authorization_reference=payment.payment_id,
            deadline_s=self.desk.waits.command_s,
            asked_at=self.desk.clock.now(),
        )
        done = await given(self.desk, payment.station_id, start)
        return await self._started(owner, reserved, done.result)

    async def _started(self, owner: PartyId, payment: WebPayment, result: CommandResult) -> WebPayment:
        if result in _STARTS or result is CommandResult.TIMEOUT:
            # Of a station that did not answer it is not known whether it starts: its session tells.
            started = replace(payment, state=PaymentState.STARTED)
            await self._write(owner, started, payment)
            return started
        return await self._release(owner, payment, f"the station answered the start with {result.value}")

    async def _follow_start(self, owner: PartyId, payment: WebPayment) -> WebPayment:
        """The node that gave the start ended, or is about to write down what came of it."""
        row = await self.desk.spine.get(t.command, owner=str(owner), command_id=payment.command_id)
        waited = self.desk.clock.now() - payment.created_at - PAYS_WITHIN
        if row is not None and row["result"] is not None:
            return await self._started(owner, payment, CommandResult(str(row["result"])))
        if waited <= STARTS_WITHIN:
            return payment
        if row is None:
            return await self._release(owner, payment, "the station was never told to start")
        # It was told, and whoever would have heard its answer is gone.
        return await self._started(owner, payment, CommandResult.TIMEOUT)

    async def _settle(self, owner: PartyId, payment: WebPayment) -> WebPayment:
        """C25.FR.40: what its CDR says, and no more than is reserved."""
        spine = self.desk.spine
        where = {
            "owner": str(owner),
            "station_id": payment.station_id,
            "authorization_reference": payment.payment_id,
        }
        sessions = await spine.find(t.session, where, limit=1)
        if not sessions:
            waited = self.desk.clock.now() - payment.created_at
            if waited > PAYS_WITHIN + STARTS_WITHIN:
                return await self._release(owner, payment, "no session began")
            return payment
        cdr_id = cdr_id_of(str(sessions[0]["session_id"]))
        cdr = await spine.get(t.cdr, owner=str(owner), party=str(owner), cdr_id=cdr_id)
        if cdr is None or cdr["cost"] is None:
            return payment
        cost = msgspec.json.decode(str(cdr["cost"]), type=Cost)
        owed = cost.total.before_taxes if cost.total.after_taxes is None else cost.total.after_taxes
        owed = payable(owed, cost.currency)
        if owed <= 0 or cost.currency != payment.currency:
            why = "it cost nothing" if owed <= 0 else f"its price is in {cost.currency}"
            return await self._release(owner, payment, why)
        taken, why = min(owed, payment.amount), ""
        if taken < owed:
            why = f"the session cost {owed} {cost.currency}, and {payment.amount} were reserved"
            self._findings.note(f"session:{owner}/{sessions[0]['session_id']}", SHORT, why)
        try:
            receipt = await self.provider.capture(payment.payment_id, taken, payment.currency)
        except CaptureRefused as refused:
            why = f"the provider does not give it: {refused}"
            self._findings.note(f"session:{owner}/{sessions[0]['session_id']}", SHORT, why)
            return await self._release(owner, payment, why)
        over = replace(payment, state=PaymentState.SETTLED, taken=taken, receipt_url=receipt[:2000], why=why)
        await self._write(owner, over, payment, self._barred(owner, payment))
        return over

    async def _release(self, owner: PartyId, payment: WebPayment, why: str) -> WebPayment:
        """Give back what is reserved."""
        over = replace(payment, state=PaymentState.RELEASED, why=why)
        if not payment.psp_ref:
            await self.provider.release(payment.payment_id)
            await self._write(owner, over, payment)
            return over
        # Barred before it is released, so that nobody charges for nothing in between.
        barred = self._barred(owner, payment)
        await self.desk.spine.commit(Work(writes=(barred,)))
        await self.provider.release(payment.payment_id)
        await self._write(owner, over, payment, barred)
        return over

    # --- records ----------------------------------------------------------------------------------------

    def _bound(self, owner: PartyId, payment: WebPayment) -> Put:
        """What the session may take, as of any bounded token (C25.FR.24)."""
        limit = SessionLimit(
            cost=payment.amount,
            currency=payment.currency,
            energy_wh=payment.energy_wh,
            time_s=payment.time_s,
        )
        return self._token(owner, payment, Allowance(currency=payment.currency, session=limit))

    def _token(self, owner: PartyId, payment: WebPayment, may: Allowance) -> Put:
        """What the token may take that stands for a payment at its station."""
        row: Row = {
            "owner": str(owner),
            "ref": self.desk.keys.token_ref(payment.psp_ref),
            "document": document(may),
            "changed_at": self.desk.clock.now(),
        }
        return Put(t.allowance, row)

    def _barred(self, owner: PartyId, payment: WebPayment) -> Put:
        """One payment pays for one session: its token starts nothing any more, however late a station comes to it."""
        return self._token(owner, payment, Allowance(currency=payment.currency, credit=Decimal(0)))

    async def _write(
        self, owner: PartyId, payment: WebPayment, before: WebPayment | None, *more: Put
    ) -> None:
        """Write a step down, unless somebody else did.

        Raises:
            RowMoved: somebody did.
        """
        row: Row = {
            "owner": str(owner),
            "payment_id": payment.payment_id,
            "station_id": payment.station_id,
            "evse_id": payment.evse_id,
            "state": payment.state.value,
            "document": document(payment),
            "changed_at": self.desk.clock.now(),
        }
        expected: Row = {} if before is None else {"document": document(before)}
        await self.desk.spine.commit(Work(writes=(Put(t.web_payment, row, expected), *more)))


def _payment(row: Row) -> WebPayment:
    return msgspec.json.decode(cast(str, row["document"]), type=WebPayment)
