"""Credentials: registering, renewing, ending. The registrar does it; here it is asked to."""

from __future__ import annotations

from elstrada.ocpi.server import Result, body_of
from elstrada.ocpi.v221.credentials import Credentials
from elstrada.roles.roaming.serving.visit import Handler, Visit


async def get_credentials(visit: Visit) -> Result:
    return await visit.registrar.show(visit.own, visit.peer)


async def register(visit: Visit) -> Result:
    return await visit.registrar.met(visit.own, visit.peer, "POST", body_of(visit.call, Credentials))


async def renew(visit: Visit) -> Result:
    return await visit.registrar.met(visit.own, visit.peer, "PUT", body_of(visit.call, Credentials))


async def unregister(visit: Visit) -> Result:
    return await visit.registrar.left(visit.peer)


HANDLERS: dict[str, Handler] = {
    "get_credentials": get_credentials,
    "register": register,
    "renew": renew,
    "unregister": unregister,
}
