"""The verb that tells what a station's meter lacks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.lookups import line_of, needed, own_party
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.shapes import Count
from elstrada.spine import tables as t
from elstrada.spine.face import Between

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class ShowMeter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    limit: Annotated[Count, Meta(description="Most sessions, the latest first.")] = 20
    after: After = None


class MeteredLine(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    evse_id: int | None
    started_at: datetime | None
    ended_at: datetime | None
    energy_wh: int | None
    meter_lacks: str
    """Of its registers, by words of ``model.metering.MeterLack``; empty: nothing."""


async def show_meter(desk: Desk, params: ShowMeter) -> Page[MeteredLine]:
    """Tell what the meter lacked in a station's latest complete sessions."""
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    key = {"owner": owner, "station_id": params.station}
    what = f"station {params.station[:48]!r} of {owner}"
    await needed(desk, t.station, what, "see `elstrada station list`", **key)
    where = {**key, "completed_at": Between(_EPOCH)}
    order = ("-first_version",)
    rows = await page_of(desk, t.session, [where], order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: line_of(MeteredLine, row, meter_lacks=row["meter_lacks"] or ""))


METER = Verb(
    "station meter",
    "Tell what a station's meter did not tell, by its latest sessions.",
    ShowMeter,
    tuple[MeteredLine, ...],
    show_meter,
    arguments=1,
    reads=True,
)
