"""The verb that lists payments on the web."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.party import Role
from elstrada.model.web_payment import PaymentState, WebPayment
from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.shapes import Count
from elstrada.spine import tables as t
from elstrada.spine.face import Where


class ListPayments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    state: Annotated[PaymentState | None, Meta(description="Only those in this state.")] = None
    station: Annotated[str | None, Meta(description="Only those at this station.")] = None
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    limit: Annotated[Count, Meta(description="Most lines, the latest change first.")] = 100
    after: After = None


class PaymentLine(msgspec.Struct, frozen=True, kw_only=True):
    payment_id: str
    """The CDR's authorization_reference is the same."""
    station: str
    evse: int
    state: PaymentState
    amount: Decimal
    """Reserved at most."""
    taken: Decimal | None
    currency: str
    psp_ref: str
    """The provider's name of it."""
    why: str
    created_at: datetime


async def list_payments(desk: Desk, params: ListPayments) -> Page[PaymentLine]:
    where: Where = {"owner": str((await own_party(desk, params.party, Role.CPO)).id)}
    if params.state is not None:
        where = {**where, "state": params.state.value}
    if params.station is not None:
        where = {**where, "station_id": params.station}
    order = ("-changed_at",)
    rows = await page_of(desk, t.web_payment, [where], order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: _line(msgspec.json.decode(str(row["document"]), type=WebPayment)))


def _line(one: WebPayment) -> PaymentLine:
    return PaymentLine(
        payment_id=one.payment_id,
        station=one.station_id,
        evse=one.evse_id,
        state=one.state,
        amount=one.amount,
        taken=one.taken,
        currency=one.currency,
        psp_ref=one.psp_ref,
        why=one.why,
        created_at=one.created_at,
    )


VERBS = (
    Verb(
        "payment list",
        "List payments that drivers made on the web.",
        ListPayments,
        tuple[PaymentLine, ...],
        list_payments,
        reads=True,
    ),
)
