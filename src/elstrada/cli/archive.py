"""`elstrada db archive` and `unarchive`: sealed months of the log between PostgreSQL and Parquet files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from elstrada import __version__
from elstrada.cli.configuration import config_of
from elstrada.cli.exits import Exit
from elstrada.cli.output import as_json
from elstrada.cli.upkeep import JSON, done
from elstrada.config import Config
from elstrada.roles.upkeep import database_of
from elstrada.spine.archived.month import ArchivedMonth
from elstrada.spine.months import Month
from elstrada.spine.upkeep.archiving import Archiving
from elstrada.spine.upkeep.archiving import archive as take_out
from elstrada.spine.upkeep.database import named
from elstrada.spine.upkeep.sealed import month_named
from elstrada.spine.upkeep.unarchiving import unarchive as bring_back


class _Month(click.ParamType[int]):
    """A month, as 2026-03; its number since January 2000."""

    name = "YYYY-MM"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(2\d{3})-(0[1-9]|1[0-2])", str(value))
        if found is None:
            self.fail(f"{str(value)[:40]!r} is no month; expected one such as 2026-03", param, ctx)
        return month_named(int(found[1]), int(found[2])).number


class _File(msgspec.Struct, frozen=True):
    """A month of a shard, and the file that it is."""

    shard: int
    month: str
    file: str
    facts: int
    bytes: int
    sha256: str


class _Still(msgspec.Struct, frozen=True):
    """A month of a shard that stays in the database, and why."""

    shard: int
    month: str
    because: str


class _Archived(msgspec.Struct, frozen=True):
    """What was done; ``sealed`` are all that can be, as ``log_<shard>_<year>_<month>``."""

    database: str
    folder: str
    dry_run: bool
    sealed: tuple[str, ...]
    archived: tuple[_File, ...]
    still: tuple[_Still, ...]


class _Unarchived(msgspec.Struct, frozen=True):
    """What was brought back; the files stay where they are."""

    database: str
    folder: str
    months: tuple[_File, ...]


@click.command()
@click.option("--before", type=_Month(), required=True, help="Months before this one.")
@click.option(
    "--to", type=click.Path(file_okay=False, path_type=Path), help="The folder, where archive.dir is not set."
)
@click.option("--dry-run", is_flag=True, help="Only say which months are sealed, and which are not.")
@JSON
@click.pass_context
def archive(ctx: click.Context, before: int, to: Path | None, dry_run: bool, json: bool) -> None:
    """Take sealed months of the log out of PostgreSQL, into Parquet files; nodes go on working.

    A month is sealed when its shard has gone on into a later one and every follower has passed it. Nodes read
    on in the files, so archive.dir must be this folder for every node. Killed anywhere, run it again.
    """
    config = config_of(ctx)
    folder = _folder(ctx, config, to)
    told = done(
        ctx,
        json,
        lambda: take_out(
            database_of(config), folder, before, version=__version__, now=datetime.now(UTC), dry_run=dry_run
        ),
    )
    if json:
        click.echo(as_json(_as_document(told, dry_run)))
    else:
        _write(told, dry_run)
    if config.archive.dir is None and not json:
        click.echo(
            f"Set archive.dir to {folder} for every node: without it they cannot read these months.", err=True
        )


@click.command()
@click.option("--month", type=_Month(), required=True, help="Which one, of all shards.")
@click.option(
    "--from",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder, where archive.dir is not set.",
)
@JSON
@click.pass_context
def unarchive(ctx: click.Context, month: int, folder: Path | None, json: bool) -> None:
    """Bring an archived month back into PostgreSQL. Its files stay; nothing reads them any more."""
    config = config_of(ctx)
    folder = _folder(ctx, config, folder)
    database = database_of(config)
    months = done(ctx, json, lambda: bring_back(database, folder, month))
    if json:
        click.echo(as_json(_Unarchived(named(database), str(folder), _files(months))))
        return
    for one in months:
        click.echo(
            f"{one.of.name} is back, {one.facts} facts; {folder / one.file} is not needed now.", err=True
        )


def _folder(ctx: click.Context, config: Config, given: Path | None) -> Path:
    """The archive's folder: nodes look in one place, so there is no other."""
    configured = config.archive.dir
    if configured is None and given is None:
        raise click.UsageError("archive.dir is not set: set it for every node, or name the folder here")
    if configured is not None and given is not None and given.resolve() != configured.resolve():
        click.echo(
            f"Error: nodes look for archived months in archive.dir, which is {configured}, not {given}",
            err=True,
        )
        ctx.exit(Exit.REFUSED)
    folder = configured or given
    assert folder is not None
    return folder


def _as_document(told: Archiving, dry_run: bool) -> _Archived:
    return _Archived(
        told.database,
        told.folder,
        dry_run,
        tuple(month.name for month in told.sealed),
        _files(told.archived),
        tuple(_Still(one.month.shard, _shown(one.month), one.because) for one in told.still),
    )


def _files(months: Iterable[ArchivedMonth]) -> tuple[_File, ...]:
    return tuple(
        _File(one.shard, _shown(one.of), one.file, one.facts, one.bytes, one.sha256) for one in months
    )


def _write(told: Archiving, dry_run: bool) -> None:
    for month in told.sealed if dry_run else ():
        click.echo(f"{month.name} is sealed.", err=True)
    for one in told.archived:
        click.echo(
            f"{one.of.name} is in {told.folder}/{one.file}: {one.facts} facts, {one.bytes} bytes.", err=True
        )
    for still in told.still:
        click.echo(f"{still.month.name} stays: {still.because}.", err=True)
    if not told.sealed and not told.still:
        click.echo(f"{told.database} has no older month: nothing to do.", err=True)


def _shown(month: Month) -> str:
    return f"{2000 + month.number // 12}-{month.number % 12 + 1:02}"
