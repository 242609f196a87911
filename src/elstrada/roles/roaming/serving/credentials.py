"""Credentials: registering, renewing, ending. The registrar does it; here it is asked to."""

from __future__ import annotations

from elstrada.ocpi.registration import AnyCredentials
from elstrada.ocpi.server import Result
from elstrada.ocpi.v211 import credentials as v211
from elstrada.ocpi.v221 import credentials as v221
from elstrada.roles.roaming.serving.visit import Handler, Visit


async def get_credentials(visit: Visit) -> Result:
    return await visit.registrar.show(visit.own, visit.peer, visit.version, visit.side)


async def register(visit: Visit) -> Result:
    return await _met(visit, "POST")


async def renew(visit: Visit) -> Result:
    return await _met(visit, "PUT")


async def unregister(visit: Visit) -> Result:
    return await visit.registrar.left(visit.peer)


async def _met(visit: Visit, method: str) -> Result:
    theirs: AnyCredentials
    match visit.body:
        case v211.Credentials() | v221.Credentials():
            theirs = visit.body
        case other:
            raise AssertionError(f"{type(other).__name__} is no body of credentials")
    return await visit.registrar.met(visit.own, visit.peer, method, theirs, visit.version, visit.side)


HANDLERS: dict[str, Handler] = {
    "get_credentials": get_credentials,
    "register": register,
    "renew": renew,
    "unregister": unregister,
}
