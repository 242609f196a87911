"""What is agreed with the partner whose token a station shows: whether it may charge here, who is asked, at which tariff."""

from __future__ import annotations

import msgspec

from elstrada.model import asks
from elstrada.model.agreement import Asking, Bounds, Standing
from elstrada.model.asks import PresentedToken
from elstrada.model.device import Station
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.token import Token
from elstrada.net.face import Clock
from elstrada.roaming.agreement import standing
from elstrada.roles.gateway.seat import Seat
from elstrada.roles.roaming.agreements import terms_about
from elstrada.roles.roaming.taken import Takings
from elstrada.spine import tables as t
from elstrada.spine.face import Spine

Asked = asks.Authorize | asks.StartSession | asks.UpdateSession
_MOST_ISSUERS = 20


class Partners:
    """Adds to an ask what is agreed with its token's party."""

    def __init__(self, spine: Spine, clock: Clock) -> None:
        self._spine, self._clock, self._takings = spine, clock, Takings(spine)

    async def under(self, seat: Seat, ask: Asked) -> Asked:
        """The same ask, its token with what is agreed.

        Raises:
            SpineDown: nobody knows.
        """
        token = ask.token
        if token is None or not await self._spine.find(t.agreement, {"owner": str(seat.owner)}, limit=1):
            return ask
        party = await self._issuer(seat.owner, token)
        if party is None or party == seat.owner:
            return ask
        evse_id = ask.evse_id or 0
        connector_id = (ask.connector_id or 0) if not isinstance(ask, asks.Authorize) else 0
        agreed = await self.standing(seat.owner, seat.station_id, party, evse_id, connector_id)
        return msgspec.structs.replace(ask, token=msgspec.structs.replace(token, standing=agreed))

    async def standing(
        self,
        owner: PartyId,
        station_id: str,
        party: PartyId,
        evse_id: int = 0,
        connector_id: int = 0,
        *,
        bounded: bool = True,
    ) -> Standing:
        """What is agreed with a party about a station of ours; of several connections the one that permits more.

        Args:
            bounded: also by what its drivers have had already.
        """
        now = self._clock.now()
        location, evse_uid, connector = await self._place(owner, station_id, evse_id, connector_id)
        found: Standing | None = None
        for terms in await terms_about(self._spine, owner, party, now):
            bounds = terms.of(party).bounds if bounded else Bounds()
            taken = await self._takings.of(owner, party, bounds, now)
            one = standing(terms, party, taken, location, (evse_uid, connector))
            if not one.refusal:
                return one
            found = found or one
        assert found is not None, "there are terms for every party"
        return found

    async def listable(
        self, owner: PartyId, station_id: str, tokens: list[tuple[str, Token]]
    ) -> list[tuple[str, Token]]:
        """Those that a station may know by itself: not those whose party is to be asked, or has no place here."""
        others = {token.party for _, token in tokens} - {owner}
        agreed = {
            party: await self.standing(owner, station_id, party, bounded=False) for party in sorted(others)
        }
        barred = {party for party, one in agreed.items() if one.refusal or one.asking is Asking.ALWAYS}
        return [(ref, token) for ref, token in tokens if token.party not in barred]

    async def _issuer(self, owner: PartyId, token: PresentedToken) -> PartyId | None:
        """Whose token it is, as we know it, or as whoever began a session with it said."""
        if token.known is not None:
            return token.known.party
        rows = await self._spine.find(
            t.identity, {"owner": str(owner), "ref": token.ref}, limit=_MOST_ISSUERS
        )
        return min((PartyId.parse(str(row["party"])) for row in rows), default=None)

    async def _place(
        self, owner: PartyId, station_id: str, evse_id: int, connector_id: int
    ) -> tuple[Location | None, str | None, str | None]:
        """Location, EVSE uid and connector id, as far as these numbers tell them."""
        row = await self._spine.get(t.station, owner=str(owner), station_id=station_id)
        places = () if row is None else msgspec.json.decode(str(row["document"]), type=Station).places
        fitting = [place for place in places if evse_id in (0, place.evse_id)]
        if len({place.location_id for place in fitting}) != 1:
            return None, None, None
        key = {"owner": str(owner), "party": str(owner), "location_id": fitting[0].location_id}
        row = await self._spine.get(t.location, **key)
        if row is None:
            return None, None, None
        location = msgspec.json.decode(str(row["document"]), type=Location)
        if len(fitting) != 1:
            return location, None, None
        uid = fitting[0].evse_uid
        connectors = next((evse.connectors for evse in location.evses if evse.uid == uid), ())
        # OCPP counts an EVSE's connectors from 1; one alone need not be named.
        number = connector_id or (1 if len(connectors) == 1 else 0)
        return location, uid, connectors[number - 1].id if 0 < number <= len(connectors) else None
