"""The other nodes: do they live, is every role somebody's, are they of one version."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.engine import Connection

from elstrada.model.node import GONE_AFTER, Part
from elstrada.roles.doctor.case import Case, Finding, fine, problem, warning

AREA = "nodes"


def examine_nodes(connection: Connection, case: Case) -> Iterator[Finding]:
    """As they told the database of themselves."""
    text = "SELECT id, roles, seen_at, version FROM node ORDER BY id"
    seen: list[tuple[str, str, datetime, str]] = [tuple(row) for row in connection.exec_driver_sql(text)]
    living = [row for row in seen if case.machine.now - row[2] <= GONE_AFTER]
    if not living:
        yield warning(AREA, "none is running")
        return
    for name, _, at, _ in seen:
        if case.machine.now - at > GONE_AFTER:
            yield warning(AREA, f"{name} was last seen at {at:%Y-%m-%d %H:%M:%S}Z, and took no leave")
    held = {role for _, roles, _, _ in living for role in roles.split(",")}
    for part in Part:
        if part not in held:
            yield problem(AREA, f"no running node has the role {part}", f"start one with --roles {part}")
    versions = sorted({version for _, _, _, version in living})
    if len(versions) > 1:
        yield warning(AREA, f"they are of the versions {', '.join(versions)}", "finish the upgrade")
    yield fine(AREA, f"{len(living)} are running: {', '.join(row[0] for row in living)}")
