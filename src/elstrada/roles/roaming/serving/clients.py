"""A hub's parties: our own for all others to read, those of our hub for us to keep (R-16, R-72)."""

from __future__ import annotations

from elstrada.model.party import ClientInfo, ClientReason
from elstrada.ocpi.codes import Why
from elstrada.ocpi.language import Noun
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result
from elstrada.roaming.visibility import is_hub
from elstrada.roles.roaming.clients import OURS, TooMany, TooOften, client_of, note, of_party
from elstrada.roles.roaming.serving.pages import page
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, misplaced, owner_in_path
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Where

_NO_HUB = Refusal(Why.REFUSED, "only a hub tells of its parties, and you have not registered as one")
_MANY = Refusal(Why.REFUSED, "you have told of more parties than we keep")


async def list_clients(visit: Visit) -> Result:
    """A page of the parties we are the hub of."""
    where: Where = {"owner": visit.owner, "hub": AnyOf((OURS,)), "last_updated": visit.between()}
    found = await page(visit, t.client, where, "hub", ("party", "role"))
    if isinstance(found, Refusal):
        return found
    items = tuple(_words(visit).write(client_of(row)).value for row in found.rows)
    return Listing(items, visit.list_url, found.total, found.place)


async def get_client(visit: Visit) -> Result:
    """What the calling hub has told us of a party: of its roles, the one it told of last."""
    try:
        party = owner_in_path(visit)
    except ValueError:
        return NOT_HERE
    known = await of_party(visit.means.spine, visit.own.id, party, visit.peer.id)
    latest = max(known, key=lambda one: one.client.last_updated, default=None)
    return NOT_HERE if latest is None else Found(_words(visit).write(latest.client).value)


async def put_client(visit: Visit) -> Result:
    """The calling hub tells of a party; who is no hub has none to tell of."""
    if not is_hub(visit.peer):
        return _NO_HUB
    client = _words(visit).read(visit.body).value
    wrong = misplaced(visit, country_code=client.party.country_code, party_id=client.party.party_id)
    if wrong is not None:
        return wrong
    try:
        now = visit.means.clock.now()
        new = await note(visit.means.spine, visit.own.id, client, ClientReason.TOLD, visit.peer.id, now=now)
    except TooOften:
        return Refusal(Why.BUSY, "the party changes too often; try again")
    except TooMany:
        return _MANY
    return Done(created=bool(new))


def _words(visit: Visit) -> Noun[ClientInfo]:
    assert visit.words.client is not None, "a version without hubs has no such endpoint"
    return visit.words.client


HANDLERS: dict[str, Handler] = {
    "list_clients": list_clients,
    "get_client": get_client,
    "put_client": put_client,
}
