"""A CSMS to which cars plug and charge: with a mobility operator's authorities, an OCSP responder and a pool."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from cert_csms import Csms, serving
from cert_station import Json, Station

from contracts import EMAID, Pki, Pool, Responder, world
from elstrada.net.client import GuardedClient
from elstrada.net.clock import SystemClock
from elstrada.net.egress import EgressRules
from elstrada.roles.contracts.authorities import Authorities
from elstrada.roles.contracts.checking import Checks
from elstrada.roles.contracts.contracts import PlugAndCharge
from elstrada.roles.contracts.opcp import OpcpPool
from elstrada.roles.contracts.responders import Responders

CANCELLED = "SERETC00000009X"
"""A contract of ours that may not charge any more."""


class Plugged(NamedTuple):
    csms: Csms
    pki: Pki
    responder: Responder
    pool: Pool
    authorities: Path
    """The operator's file."""

    async def authorize(self, station: Station, emaid: str = EMAID, **shown: Json) -> tuple[str, str | None]:
        """A car shows its contract: what the station is told of the token, and of the certificate."""
        token = {"idToken": emaid, "type": "eMAID"}
        answer = await station.call("Authorize", idToken=token, **shown)
        return answer["idTokenInfo"]["status"], answer.get("certificateStatus")


@contextlib.asynccontextmanager
async def plugging(folder: Path, *, takes_unverified: bool = False) -> AsyncIterator[Plugged]:
    async with world() as (responder, pool):
        clock, pki = SystemClock(), Pki(responder)
        authorities = folder / "contracts.pem"
        authorities.write_text(pki.authorities)
        http = GuardedClient(EgressRules(plain_http=True, hosts=frozenset({"127.0.0.1"})))
        responders = Responders(http, clock, 2)
        checks = Checks(Authorities([authorities]), responders, clock, takes_unverified=takes_unverified)
        asked = OpcpPool(pool.url, http, headers={"Authorization": "Bearer of-the-pool"}, timeout_s=2)
        means = PlugAndCharge(checks=checks, pool=asked)
        async with serving(folder, plug_and_charge=means) as csms:
            for emaid, blocked in ((EMAID, False), (CANCELLED, True)):
                params = {"uid": emaid, "contract": emaid, "type": "EMAID", "blocked": blocked}
                await csms.done("contract put", id=emaid, customer="C1", plan="P1", supply_point="735999")
                await csms.done("token add", **params)
            yield Plugged(csms, pki, responder, pool, authorities)
        await http.close()
