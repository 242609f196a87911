"""`elstrada db`: the database itself, whether a server runs on it or not."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from elstrada.cli.archive import archive, unarchive
from elstrada.cli.configuration import config_of
from elstrada.cli.exits import Exit
from elstrada.cli.output import as_json
from elstrada.cli.upkeep import JSON, done
from elstrada.roles.upkeep import database_of
from elstrada.spine.upkeep.archive import Manifest
from elstrada.spine.upkeep.backup import backup as back_up
from elstrada.spine.upkeep.backup import in_folder, keep_newest
from elstrada.spine.upkeep.database import named
from elstrada.spine.upkeep.migration import migrate_database, revisions_in
from elstrada.spine.upkeep.restore import restore as bring_back
from elstrada.spine.upkeep.verify.report import Report
from elstrada.spine.upkeep.verify.whole import verify as look_through


class _Migrated(msgspec.Struct, frozen=True):
    """Where a migration began and ended."""

    database: str
    from_revision: str | None
    to_revision: str | None
    ran: tuple[str, ...]
    missing: tuple[str, ...]


class _Copied(msgspec.Struct, frozen=True):
    """A backup that was made or brought back."""

    database: str
    file: str
    bytes: int
    revision: str
    manifest: Manifest


_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)


@click.group()
def db() -> None:
    """Migrate, back up, restore, verify and archive the database; a server need not run, and may."""


db.add_command(archive)
db.add_command(unarchive)


@db.command()
@click.option("--check", is_flag=True, help="Change nothing; exit code 6 if something is to do.")
@click.option(
    "--shards",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Of a new PostgreSQL database: how many logs; for ever.",
)
@JSON
@click.pass_context
def migrate(ctx: click.Context, check: bool, shards: int | None, json: bool) -> None:
    """Bring the tables up to date. Doing it again changes nothing."""
    database = database_of(config_of(ctx))
    before = done(ctx, json, lambda: revisions_in(database))
    if (before.missing or shards is not None) and not check:
        done(ctx, json, lambda: migrate_database(database, shards=shards))
    after = before if check else done(ctx, json, lambda: revisions_in(database))
    told = _Migrated(
        named(database), before.found, after.found, () if check else before.missing, after.missing
    )
    click.echo(as_json(told) if json else _migration(told), err=not json)
    if told.missing:
        ctx.exit(Exit.CHECKS)


@db.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="With a folder: remove all but the newest N there.",
)
@click.option(
    "--without-archive", is_flag=True, help="Only name the archived months, whose files are kept elsewhere."
)
@JSON
@click.pass_context
def backup(ctx: click.Context, file: Path, keep: int | None, without_archive: bool, json: bool) -> None:
    """Write everything as of now into FILE, while nodes go on working.

    FILE must not exist; if it is a folder, a new file in it is named by the time. The keys are not in
    it: keep keys.json too, elsewhere.
    """
    if keep is not None and not file.is_dir():
        raise click.UsageError(f"--keep is for a folder, and {file} is none")
    config = config_of(ctx)
    database, archive = database_of(config), config.archive.dir
    folder, file = file, in_folder(file)
    manifest = done(
        ctx, json, lambda: back_up(database, file, archive=archive, with_archive=not without_archive)
    )
    if keep is not None:
        keep_newest(folder, keep)
    told = _Copied(named(database), str(file), file.stat().st_size, manifest.revision, manifest)
    click.echo(as_json(told) if json else _copied(told, "is in"), err=not json)
    if not json:
        click.echo("The keys are not in it: keep a copy of the key file too, in another place.", err=True)


@db.command()
@click.argument("file", type=_FILE)
@click.option("--replace", is_flag=True, help="The database may have content, which is lost.")
@click.option("--destroy-what-is-there", is_flag=True, help="Needed with --replace.")
@JSON
@click.pass_context
def restore(ctx: click.Context, file: Path, replace: bool, destroy_what_is_there: bool, json: bool) -> None:
    """Bring the backup FILE back, all of it or nothing, into an empty database.

    A backup of SQLite can go into PostgreSQL, and the other way.
    """
    if replace != destroy_what_is_there:
        raise click.UsageError("--replace and --destroy-what-is-there are said together, or not at all")
    config = config_of(ctx)
    database, archive = database_of(config), config.archive.dir
    brought = done(ctx, json, lambda: bring_back(file, database, replace=replace, archive=archive))
    told = _Copied(named(database), str(file), file.stat().st_size, brought.revision, brought.manifest)
    click.echo(as_json(told) if json else _copied(told, "was restored from"), err=not json)


@db.command()
@click.option("--seals", type=_FILE, help="Compare the log with the digests in this file, and add new ones.")
@click.option("--scratch", type=_FOLDER, help="Where views are made again, instead of the temporary folder.")
@JSON
@click.pass_context
def verify(ctx: click.Context, seals: Path | None, scratch: Path | None, json: bool) -> None:
    """Read everything and say what is not as it must be; exit code 6 if anything is.

    Changes nothing in the database. Run it every night.
    """
    config = config_of(ctx)
    database, archive = database_of(config), config.archive.dir
    report = done(ctx, json, lambda: look_through(database, seals=seals, scratch=scratch, archive=archive))
    if json:
        click.echo(as_json(report))
    else:
        _write_report(report)
    if not report.sound:
        ctx.exit(Exit.CHECKS)


def _migration(told: _Migrated) -> str:
    if told.missing:
        return f"{told.database} is at revision {told.to_revision or 'none'}, and lacks {', '.join(told.missing)}."
    if told.ran:
        return f"{told.database} went from revision {told.from_revision or 'none'} to {told.to_revision}."
    return f"{told.database} is at revision {told.to_revision}, the newest: nothing to do."


def _copied(told: _Copied, does: str) -> str:
    facts = told.manifest.tables["log"].rows
    made = told.manifest.made_at.strftime("%Y-%m-%d %H:%M:%SZ")
    return (
        f"{told.database} {does} {told.file}: {facts} facts{_archived_in(told.manifest)} as of {made},"
        f" {told.bytes} bytes, revision {told.revision}."
    )


def _archived_in(manifest: Manifest) -> str:
    files = manifest.archived
    if not files:
        return ""
    held = sum(file.member in manifest.members for file in files)
    return f" and {len(files)} archived months{'' if held else ', only named,'}"


def _write_report(report: Report) -> None:
    for problem in report.problems:
        click.echo(problem.line())
    for check, count in report.counts.items():
        named_of = sum(problem.check == check for problem in report.problems)
        if count > named_of:
            click.echo(f"{check}: {count - named_of} more")
    for note in report.notes:
        click.echo(f"Not checked: {note}.", err=True)
    looked = ", ".join(f"{check} {count}" for check, count in report.checked.items())
    verdict = "is sound" if report.sound else f"has {sum(report.counts.values())} problems"
    click.echo(f"{report.database} {verdict} (looked at: {looked}).", err=True)
