"""What we know of a presented token, with a short memory, so that a busy station costs few look-ups."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from elstrada.model.allowance import Allowance
from elstrada.model.asks import PresentedToken
from elstrada.model.token import Token
from elstrada.net.face import Clock
from elstrada.roles.keys import Keys
from elstrada.spine import tables as t
from elstrada.spine.face import Spine

REMEMBERED_FOR = timedelta(seconds=2)
"""How long a token that was just blocked may still be taken for valid."""
_MOST = 10_000


class Tokens:
    """Finds the record of a token by what a station shows."""

    def __init__(self, spine: Spine, keys: Keys, clock: Clock) -> None:
        self._spine, self._keys, self._clock = spine, keys, clock
        self._known: OrderedDict[tuple[str, str], tuple[datetime, Token | None, bool]] = OrderedDict()
        """When it was looked up, our record, and whether what it may take is bounded."""

    def remembered(self, owner: str, token: PresentedToken) -> PresentedToken | None:
        """As ``presented``, if no look-up is needed; else None."""
        ref = self._keys.token_ref(token.uid)
        known = self._known.get((owner, ref))
        if known is None or known[2] or self._clock.now() - known[0] > REMEMBERED_FOR:
            return None  # What is left to a bounded token, or to its party, changes with every session.
        return self._with(token, ref, token.known or known[1], None)

    async def presented(self, owner: str, token: PresentedToken) -> PresentedToken:
        """The same token with its pseudonym, and with our record of it if there is one."""
        remembered = self.remembered(owner, token)
        if remembered is not None:
            return remembered
        ref = self._keys.token_ref(token.uid)
        known, allowance = await self._record(owner, ref, token.type)
        return self._with(token, ref, token.known or known, allowance)

    def _with(
        self, token: PresentedToken, ref: str, known: Token | None, allowance: Allowance | None
    ) -> PresentedToken:
        group = known.group_id if known is not None else None
        group_ref = self._keys.token_ref(group) if group else None
        return replace(token, ref=ref, known=known, group_ref=group_ref, allowance=allowance)

    async def _record(self, owner: str, ref: str, kind: str) -> tuple[Token | None, Allowance | None]:
        now = self._clock.now()
        rows, bound, agreed = await asyncio.gather(
            self._spine.find(t.token, {"owner": owner, "ref": ref}, limit=20),
            self._spine.get(t.allowance, owner=owner, ref=ref),
            self._spine.find(t.agreement, {"owner": owner}, limit=1),
        )
        allowance = None if bound is None else msgspec.json.decode(str(bound["document"]), type=Allowance)
        tokens = [msgspec.json.decode(str(row["document"]), type=Token) for row in rows]
        # One uid may stand for tokens of several kinds: the kind shown counts, else any.
        found = next((token for token in tokens if token.type == kind), tokens[0] if tokens else None)
        others = bool(agreed) and (found is None or str(found.party) != owner)
        self._known[owner, ref] = (now, found, allowance is not None or others)
        self._known.move_to_end((owner, ref))
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return found, allowance
