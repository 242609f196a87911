"""What terminals at stations settled of a session, held against its price."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

import msgspec

from elstrada.billing.reckoned import TOLERANCE
from elstrada.model.cost import Cost
from elstrada.model.ids import PartyId
from elstrada.model.notices import Notice, NoticeKind
from elstrada.model.settlement import CANCELED, SETTLED, Settlement
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Row, Spine

DIFFERS = "settlement-differs"
"""Code of findings; their source is ``session:<owner>/<session id>``."""
UNPLACED, NEGATIVE = "settlement-of-no-session", "settlement-negative"
"""Likewise; their source is the station, ``station:<owner>/<station id>``."""
MOST_READ = 1_000
"""Settlements of a station that are looked through."""
LATER = timedelta(days=30)
"""So long after its start a session's payment may be settled."""


async def session_settled(spine: Spine, owner: PartyId, station_id: str, notice: Notice) -> Row | None:
    """The session that a settlement belongs to; None: it is of none that we know."""
    if notice.kind is not NoticeKind.SETTLEMENT or not notice.subject:
        return None
    where = {"owner": str(owner), "station_id": station_id, "transaction_id": notice.subject}
    rows = await spine.find(t.session, where, order=("-first_version",), limit=1)
    return rows[0] if rows else None


def doubt(notice: Notice, *, known: bool) -> tuple[str, str] | None:
    """Money that no price of ours explains: code and sentence of a finding on the station; None: it may be right.

    Args:
        known: the settlement belongs to a session of ours.
    """
    if notice.kind is not NoticeKind.SETTLEMENT or notice.document is None:
        return None
    told = msgspec.json.decode(notice.document, type=Settlement)
    if told.status != SETTLED:
        return None
    did = f"payment {told.psp_ref} settled {'no amount' if told.amount is None else f'{told.amount:.2f}'}"
    if not known:
        of = f"transaction {notice.subject}, which is no session here" if notice.subject else "no transaction"
        return UNPLACED, f"{did} for {of}"
    if told.amount is not None and told.amount < 0:
        return NEGATIVE, f"{did} for transaction {notice.subject}"
    return None


async def settlements(spine: Spine, owner: PartyId, session: Row) -> tuple[Settlement, ...]:
    """The payments of a session, each as it came out last, however often its station told of it."""
    since = cast("datetime | None", session["started_at"])
    if since is None or session["transaction_id"] is None:
        return ()
    where = {
        "owner": str(owner),
        "station_id": session["station_id"],
        "kind": NoticeKind.SETTLEMENT.value,
        "at": Between(since - timedelta(days=1), since + LATER),
    }
    rows = await spine.find(t.station_notice, where, order=("at",), limit=MOST_READ)
    found: dict[str, Settlement] = {}
    for row in rows:
        notice = msgspec.json.decode(str(row["document"]), type=Notice)
        if notice.subject == session["transaction_id"] and notice.document is not None:
            settlement = msgspec.json.decode(notice.document, type=Settlement)
            found[settlement.psp_ref] = settlement
    return tuple(found.values())


def paid_otherwise(paid: tuple[Settlement, ...], cost: Cost) -> str | None:
    """How what was paid departs from the price, as a sentence; None: it does not, or nothing was paid."""
    settled = [one for one in paid if one.status == SETTLED and one.amount is not None]
    called_off = any(one.status == CANCELED for one in paid)
    if not settled and not called_off:
        return None
    total = sum((one.amount or Decimal(0) for one in settled), Decimal(0))
    owed = cost.total.before_taxes if cost.total.after_taxes is None else cost.total.after_taxes
    if abs(total - owed) < TOLERANCE:
        return None
    did = f"settled {total:.2f}" if settled else "called the payment off"
    return f"the terminal {did}, our price is {owed:.2f} {cost.currency}"
