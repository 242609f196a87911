"""Routes: between which parties sessions and reservations are, as the hub has seen them pass (open routing)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import timedelta

from elstrada.model.ids import PartyId
from elstrada.ocpi.endpoints import Interface
from elstrada.ocpi.hub import party_at, text_at
from elstrada.roles.hub.passing import Passing
from elstrada.roles.roaming.means import Means
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Delete, Put, Row, Where, Work

SESSION, RESERVATION = "session", "reservation"
_KEPT_FOR = timedelta(days=90)
_MOST_FORGOTTEN, _MOST_ALIKE, _MOST_REMEMBERED = 50, 10, 10_000
_Key = tuple[str, str, str, str, str]


class Routes:
    """Remembers them."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._written: OrderedDict[_Key, None] = OrderedDict()

    async def seen(self, passing: Passing, sender: PartyId, receiver: PartyId) -> None:
        """Note between whom a session or reservation has passed, once for each."""
        named = _named(passing)
        if named is None:
            return
        kind, object_id = named
        is_cpo = passing.place.module == "sessions"
        cpo, emsp = (sender, receiver) if is_cpo else (receiver, sender)
        key = (str(passing.hub), kind, object_id.casefold(), str(cpo), str(emsp))
        if key in self._written:
            return
        now = self._means.clock.now()
        names = ("owner", "kind", "object_id", "cpo", "emsp")
        row: Row = {**dict(zip(names, key, strict=True)), "seen_at": now}
        old: Where = {"owner": key[0], "seen_at": Between(high=now - _KEPT_FOR)}
        rows = await self._means.spine.find(t.hub_route, old, order=("seen_at",), limit=_MOST_FORGOTTEN)
        forgotten = (Delete(t.hub_route, {name: one[name] for name in names[:4]}) for one in rows)
        await self._means.spine.commit(Work(writes=(Put(t.hub_route, row), *forgotten)))
        self._written[key] = None
        if len(self._written) > _MOST_REMEMBERED:
            self._written.popitem(last=False)

    async def receivers(
        self, passing: Passing, kind: str, object_id: str, sender: PartyId
    ) -> Sequence[PartyId]:
        """With whom a party has an object of this id."""
        where: Where = {"owner": str(passing.hub), "kind": kind, "object_id": object_id.casefold()}
        rows = await self._means.spine.find(t.hub_route, where, limit=_MOST_ALIKE)
        pairs = [(str(row["cpo"]), str(row["emsp"])) for row in rows]
        theirs = [emsp if cpo == str(sender) else cpo for cpo, emsp in pairs if str(sender) in (cpo, emsp)]
        return [PartyId.parse(one) for one in sorted(set(theirs))]


def _named(passing: Passing) -> tuple[str, str] | None:
    """What a request names for which a later one may come without a receiver."""
    place, method = passing.place, passing.request.method
    if place.module == "sessions" and place.interface is Interface.RECEIVER and method in ("PUT", "PATCH"):
        return SESSION, place.tail[2]
    reservation = text_at(passing.document, "reservation_id")
    if place.module == "commands" and place.tail == ("RESERVE_NOW",) and reservation is not None:
        return RESERVATION, reservation
    return None


def token_party(passing: Passing) -> PartyId | None:
    """Whose token a session or CDR was begun with, if it says so."""
    return party_at(passing.document, "cdr_token")
