"""A CPO and a payment terminal provider, each on a node of its own, with a terminal between them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from roaming_world import (
    ELS,
    RET,
    START,
    Node,
    World,
    at_station,
    furnish,
    issued,
    known,
    started,
    tariff,
)

from elstrada.model import facts as f
from elstrada.model.cost import Price, TaxAmount
from elstrada.model.ids import cdr_stream
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.model.terminal import InvoiceCreator, Terminal, TerminalState
from elstrada.model.terminal_payment import TerminalPayment
from elstrada.pay.development import DevelopmentProvider
from elstrada.roles.payments.taps import Card, Tap, Taps, payment_of, uid_of
from elstrada.roles.roaming.cashier import FOLLOWER
from elstrada.roles.roaming.rows import tariff_row
from elstrada.roles.roaming.terminal_book import Known, write_terminal
from elstrada.spine import tables as t
from elstrada.spine.face import Advance, Put

PTP = RET
"""The provider stands where other tests have an eMSP."""
TERMINAL = "Term-0001"
INVOICES = "https://els.example/invoices"


class Terminals(World):
    """The CPO ``els`` and the provider ``ret``."""

    async def open(self) -> Terminals:
        await self.els.party(ELS, Role.CPO)
        await self.ret.party(PTP, Role.PTP)
        self.provider = DevelopmentProvider()
        self.taps = self.another_life()
        return self

    def another_life(self) -> Taps:
        """Who looks after payments, with nothing remembered."""
        roaming = self.ret.roaming
        return Taps(roaming.means, roaming.peers, roaming.commander, self.provider, "https://pay.example")

    async def settle(self) -> None:
        for _ in range(3):
            for node in (self.els, self.ret):
                await cash(node)
                await node.settle()
        await self.els.means.findings.flush()
        await self.ret.means.findings.flush()

    @property
    def own(self) -> Party:
        return Party(PTP, (Role.PTP,), BusinessDetails("Terminals"), "SEK")

    async def tap(self, card: Card = Card.GOOD, **changes: Any) -> TerminalPayment:
        tap = Tap(terminal_id=TERMINAL, location_id="L1", evse_uid="E1", card=card)
        return await self.taps.tap(self.own, msgspec.structs.replace(tap, **changes))

    async def payment(self, payment_id: str) -> TerminalPayment:
        row = await self.ret.spine.get(t.terminal_payment, owner=str(PTP), payment_id=payment_id)
        return payment_of(known(row))

    async def charged(self, reference: str, cost: str = "130.00", session_id: str = "S1") -> None:
        """The station that was told to start has a session, which ends and gets its CDR."""
        uids = await self._uids()
        uid = uid_of(reference) if uid_of(reference) in uids else uids[-1]
        ref = self.els.means.keys.token_ref(uid)
        begun = started(self, session_id, token_ref=ref, token_party=PTP, authorization_reference=reference)
        await at_station(self, begun)
        await self.settle()
        await self.bill(reference, cost, session_id, ref)

    async def bill(self, reference: str, cost: str, session_id: str, ref: str, **changes: Any) -> None:
        made = issued(self, session_id)
        before = Decimal(cost)
        price = Price(before, (TaxAmount("VAT", before / 4, Decimal(25)),))
        cdr = msgspec.structs.replace(
            made.cdr,
            session_id=session_id,
            token_ref=ref,
            token_party=PTP,
            authorization_reference=reference,
            total_cost=price,
            **changes,
        )
        stream = cdr_stream(ELS, ELS, session_id)
        await self.els.happen(stream, f.CdrIssued(cdr, msgspec.structs.replace(made.cost, total=price)))
        await self.settle()

    async def _uids(self) -> list[str]:
        """Of cards that the CPO was told of."""
        rows = await self.els.spine.find(t.identity, {"owner": str(ELS)})
        return [msgspec.json.decode(str(row["document"]))["uid"] for row in rows]

    async def paid(self) -> dict[str, Any]:
        """The one session that the provider ordered, as the CPO's operator sees it."""
        [row] = await self.els.spine.find(t.terminal_session)
        return {**row, **msgspec.json.decode(str(row["document"]))}


async def cash(node: Node) -> None:
    while facts := await node.spine.read(await node.spine.cursor(FOLLOWER)):
        work = await node.roaming.cashier.handle(facts)
        advance = Advance(FOLLOWER, facts[-1].position)
        await node.spine.commit(msgspec.structs.replace(work, advance=advance))


async def open_counter(amount: str | None = "200", **terminal: Any) -> Terminals:
    """Registered, with a terminal at work for the CPO's one location."""
    world = await Terminals(versions=("2.3.0",)).open()
    await furnish(world)
    reserves = None if amount is None else Decimal(amount)
    await world.els.put(Put(t.tariff, tariff_row(ELS, tariff(preauthorize_amount=reserves))))
    token_a = await world.ret.roaming.registrar.invite(PTP, "els")
    await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    made = Terminal(
        terminal_id=TERMINAL,
        reference="SN-1",
        invoice_creator=InvoiceCreator.CPO,
        invoice_base_url=INVOICES,
        location_ids=("L1",),
        last_updated=START,
    )
    now = Known(PTP, msgspec.structs.replace(made, **terminal), TerminalState.ACTIVE, ELS, "els")
    await write_terminal(world.ret.spine, PTP, now)
    await world.ret.roaming.roamer.resync(await world.els_at_ret())
    await world.settle()
    return world
