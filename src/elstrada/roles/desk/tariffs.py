"""Verbs on tariffs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.tariff import Tariff
from elstrada.ocpi.body import Object
from elstrada.ocpi.versions import LANGUAGES
from elstrada.roaming.news import Kind as News
from elstrada.roles.desk.face import Desk, Kind, Problem, Refused, Verb
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.desk.ocpi_document import fitted, own_object
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.shapes import Count
from elstrada.roles.desk.tariff_check import CHECK, LintLine, lint_lines, shown_line
from elstrada.roles.desk.tariff_quote import QUOTE
from elstrada.roles.desk.tariff_simulate import SIMULATE
from elstrada.roles.desk.tariff_users import is_used
from elstrada.roles.desk.tidings import tidings
from elstrada.roles.roaming.any_case import first_written
from elstrada.roles.roaming.rows import tariff_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Work
from elstrada.tariffs.choose import is_valid
from elstrada.tariffs.compile import compiled
from elstrada.tariffs.lint import lint
from elstrada.tariffs.phrases import BOOKS, Tongue
from elstrada.tariffs.refusals import UnusableTariff

MOST_LISTED = 10_000


class PutTariff(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    file: Annotated[
        bytes, Meta(description="A Tariff as JSON: of OCPI 2.3.0 if it has tax_included, else of 2.2.1.")
    ]
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class ListTariffs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: Annotated[str | None, Meta(description="Whose copy, one of our parties; all by default.")] = None
    limit: Annotated[Count, Meta(description="Most lines.")] = MOST_LISTED
    after: After = None


class TariffLine(msgspec.Struct, frozen=True):
    owner: str
    party: str
    id: str
    currency: str
    elements: int
    last_updated: datetime


class StoredTariff(TariffLine, frozen=True):
    """A tariff that was put, and what is odd about it."""

    findings: tuple[LintLine, ...] = ()


async def put_tariff(desk: Desk, params: PutTariff) -> StoredTariff:
    """Add or replace a tariff of ours, if it is valid and can be priced with.

    What it was before is kept: sessions that began with it are priced by it (R-43). What is odd about it
    is said, and refuses nothing that OCPI allows.
    """
    owner = await own_party(desk, params.party, Role.CPO)
    document = own_object(desk, params.file, owner.id, "tariff")
    # Only since 2.3.0 a tariff says whether its prices hold tax, and it must.
    words = LANGUAGES["2.3.0" if "tax_included" in document else "2.2.1"]
    tariff = fitted(document, words, words.tariff, "tariff")
    try:
        compiled(tariff)
    except UnusableTariff as unusable:
        problem = Problem("/elements", str(unusable))
        raise Refused(Kind.INVALID, f"the tariff cannot be used: {unusable}", problems=(problem,)) from None
    tariff_id = await first_written(desk.spine, t.tariff, owner.id, owner.id, tariff.id)
    tariff = msgspec.structs.replace(tariff, id=tariff_id)
    row = tariff_row(owner.id, tariff)
    key = {name: str(row[name]) for name in ("owner", "party", "tariff_id")}
    known = await desk.spine.get(t.tariff, **key)
    if known is not None and known["document"] == row["document"]:
        return _stored(known, tariff, document)
    kept = () if known is None else (_former(desk, known, tariff),)
    if known is not None:
        await _refuse_gap(desk, known, tariff, owner.id)
    put = Put(t.tariff, row, expected={} if known is None else {"document": known["document"]})
    marks = await tidings(desk, owner.id, News.TARIFF, tariff.id)
    await desk.spine.commit(Work(writes=(put, *kept, *marks)))
    return _stored(row, tariff, document)


def _stored(row: Row, tariff: Tariff, document: Object) -> StoredTariff:
    findings = lint_lines(lint(tariff, str(document["country_code"])), BOOKS[Tongue.EN])
    return StoredTariff(**msgspec.structs.asdict(_line(row)), findings=findings)


def _shown(stored: StoredTariff) -> str:
    told = msgspec.structs.asdict(stored)
    told["last_updated"] = stored.last_updated.strftime("%F %TZ")
    del told["findings"]
    width = max(map(len, told))
    lines = [f"{name.replace('_', ' '):<{width}}  {value}" for name, value in told.items()]
    return "\n".join([*lines, *(shown_line(line, BOOKS[Tongue.EN]) for line in stored.findings)])


async def _refuse_gap(desk: Desk, known: Row, tariff: Tariff, owner: PartyId) -> None:
    """A tariff of a later day may not take the place of one that is used now: nothing would have a price till then."""
    now, begins = desk.clock.now(), tariff.start_date_time
    before = msgspec.json.decode(str(known["document"]), type=Tariff)
    if begins is None or begins <= now or not is_valid(before, now):
        return
    if await is_used(desk.spine, owner, tariff.id):
        says = f"tariff {tariff.id} is used now, and would count only from {begins.isoformat()}"
        hint = "put it under another id, and name both where it is used: each counts in its time"
        raise Refused(Kind.CONFLICT, says, hint, "/file")


def _former(desk: Desk, known: Row, tariff: Tariff) -> Put:
    """Keeps the tariff that is replaced; peers ask by ``last_updated``, so the new one must be newer."""
    before = msgspec.json.decode(str(known["document"]), type=Tariff).last_updated
    if tariff.last_updated <= before:
        says = (
            f"tariff {tariff.id} is changed, but its last_updated {tariff.last_updated.isoformat()} "
            f"is not after {before.isoformat()}"
        )
        raise Refused(
            Kind.CONFLICT, says, "raise last_updated in the file, or leave it out to mean now", "/file"
        )
    row = {name: known[name] for name in ("owner", "party", "tariff_id", "document")}
    return Put(t.former_tariff, {**row, "replaced_at": desk.clock.now()}, expected={})


async def list_tariffs(desk: Desk, params: ListTariffs) -> Page[TariffLine]:
    wheres = [{"owner": owner} for owner in await owners(desk, params.party)]
    order = ("owner", "party", "tariff_id")
    rows = await page_of(desk, t.tariff, wheres, order, limit=params.limit, after=params.after)
    return rows.lines(_line)


def _line(row: Row) -> TariffLine:
    tariff = msgspec.json.decode(str(row["document"]), type=Tariff)
    return TariffLine(
        str(row["owner"]),
        str(tariff.party),
        tariff.id,
        tariff.currency,
        len(tariff.elements),
        tariff.last_updated,
    )


VERBS = (
    Verb(
        "tariff put",
        "Add or replace a tariff from an OCPI file.",
        PutTariff,
        StoredTariff,
        put_tariff,
        show=_shown,
    ),
    Verb("tariff list", "List tariffs.", ListTariffs, tuple[TariffLine, ...], list_tariffs, reads=True),
    QUOTE,
    CHECK,
    SIMULATE,
)
