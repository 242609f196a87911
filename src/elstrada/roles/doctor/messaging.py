"""NATS: there, new enough, and with JetStream."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

from elstrada.redaction import redacted
from elstrada.roles.doctor.case import Case, Finding, fine, problem, warning

AREA = "nats"
_PATIENCE_S = 3
_OLDEST, _MENDED = (2, 10, 23), (2, 12, 3)


def examine_nats(case: Case) -> Iterator[Finding]:
    """Only where nodes reach one another by it."""
    if case.config.nats.url is None:
        return
    url = case.config.nats.url.get_secret_value()
    try:
        yield from asyncio.run(_asked(url))
    except Exception as trouble:  # noqa: BLE001  The library raises whatever went wrong first.
        says = redacted(f"{url} cannot be reached: {trouble or type(trouble).__name__}")
        yield problem(AREA, says, "stations go on; commands to them, and news between nodes, do not")


async def _asked(url: str) -> list[Finding]:
    import nats  # Not before it is needed: it is a large library.

    refused: list[Exception] = []

    async def note(trouble: Exception) -> None:
        refused.append(trouble)

    servers = [one.strip() for one in url.split(",")]
    client = await nats.connect(  # pyright: ignore[reportUnknownMemberType]
        servers, connect_timeout=_PATIENCE_S, allow_reconnect=False, max_reconnect_attempts=1, error_cb=note
    )
    try:
        found = [_version(str(client.connected_server_version))]
        try:
            await client.jetstream(timeout=_PATIENCE_S).account_info()  # pyright: ignore[reportUnknownMemberType]
            found.append(fine(AREA, "JetStream is on"))
        except Exception as trouble:  # noqa: BLE001  As above.
            found.append(
                problem(
                    AREA,
                    f"JetStream cannot be used: {trouble or type(trouble).__name__}",
                    "start the server with -js, and a store",
                )
            )
        return found
    finally:
        await client.close()


def _version(text: str) -> Finding:
    numbers = tuple(map(int, re.findall(r"\d+", text)[:3]))
    says = f"it is NATS {'.'.join(map(str, numbers)) or text}"
    if numbers < _OLDEST:
        return problem(AREA, says, "versions before 2.10.23 can lose whole streams: upgrade")
    if numbers < _MENDED:
        return warning(
            AREA, says, "versions before 2.12.3 can lose a stream when a server is removed: upgrade"
        )
    return fine(AREA, says)
