"""`elstrada ca`: a certificate authority in a folder, for our server and for stations."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, NoReturn

import click
import msgspec

from elstrada.cli.exits import Exit
from elstrada.cli.output import as_json, write_refusal
from elstrada.net.clock import SystemClock
from elstrada.roles import authority
from elstrada.roles.authority import Authority, Issued, NotIssued
from elstrada.roles.desk.face import Kind, Refusal

MOST_BYTES = 1 << 16
_FILE_NAME = re.compile(r"[A-Za-z0-9*\-_=:+|@.]{1,64}")
"""Of what a certificate is for: a host, or a station's identity."""

_FOLDER = click.Path(file_okay=False, path_type=Path)
_json = click.option("--json", is_flag=True, help="Write the result as JSON.")
_days = click.option(
    "--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How long it lasts."
)
_to = click.option("--to", type=_FOLDER, default=".", help="Where the files go; by default, here.")


class _Made(msgspec.Struct, frozen=True):
    """Files that were made."""

    certificate: str
    key: str | None
    ends_at: datetime


@click.group()
def ca() -> None:
    """Make certificates: for a laboratory, or where nobody else makes those of stations.

    Whoever has the authority's folder can come as any station: keep it off the server.
    """


@ca.command()
@click.argument("folder", type=_FOLDER)
@click.option(
    "--organization", required=True, help="The O of everything it signs (stations.tls.organization)."
)
@click.option("--name", default="Elstrada stations", show_default=True, help="Its own CN.")
@_json
@click.pass_context
def make(ctx: click.Context, folder: Path, organization: str, name: str, json: bool) -> None:
    """Make an authority into FOLDER: ca.pem for those who trust it, and ca.key, which nobody else may see."""
    now = SystemClock().now()
    try:
        authority.make_authority(folder, name, organization, now)
    except FileExistsError:
        _refuse(
            ctx, Kind.REFUSED, f"there is an authority in {folder}, and another would end all it signed", json
        )
    except (OSError, ValueError) as problem:
        _refuse(ctx, Kind.USAGE, f"the authority cannot be made: {problem}", json)
    made = _Made(str(folder / authority.CERTIFICATE), str(folder / authority.KEY), now + authority.LASTS)
    _tell(made, json)


@ca.command()
@click.argument("folder", type=_FOLDER)
@click.argument("names", nargs=-1, required=True)
@click.option("--rsa", is_flag=True, help="For stations that know no ECDSA.")
@_days
@_to
@_json
@click.pass_context
def server(
    ctx: click.Context, folder: Path, names: tuple[str, ...], rsa: bool, days: int, to: Path, json: bool
) -> None:
    """Make a certificate for a server that is reached under NAMES (hosts or addresses), by the authority in FOLDER."""

    def issue(ours: Authority, now: datetime) -> Issued:
        return ours.server(names, timedelta(days), now, rsa=rsa)

    _make(ctx, folder, f"{names[0]}-rsa" if rsa else names[0], to, issue, json)


@ca.command()
@click.argument("folder", type=_FOLDER)
@click.argument("station")
@click.option(
    "--request",
    type=click.File("rb"),
    help="A certificate signing request (PEM) of a station that has made its own key.",
)
@_days
@_to
@_json
@click.pass_context
def station(
    ctx: click.Context,
    folder: Path,
    station: str,
    request: IO[bytes] | None,
    days: int,
    to: Path,
    json: bool,
) -> None:
    """Make a certificate for STATION, by the authority in FOLDER.

    Its CN is the identity, as profile 3 wants it. Without --request its key is made too.
    """

    def issue(ours: Authority, now: datetime) -> Issued:
        if request is None:
            return ours.station(station, timedelta(days), now)
        return ours.sign(request.read(MOST_BYTES), station, timedelta(days), now)

    _make(ctx, folder, station, to, issue, json)


def _make(
    ctx: click.Context,
    folder: Path,
    name: str,
    to: Path,
    issue: Callable[[Authority, datetime], Issued],
    json: bool,
) -> None:
    if _FILE_NAME.fullmatch(name) is None:
        _refuse(ctx, Kind.USAGE, f"{name[:60]!r} is neither a host nor a station's identity", json)
    try:
        issued = issue(authority.load_authority(folder), SystemClock().now())
        certificate, key = to / f"{name}.pem", to / f"{name}.key"
        if issued.key is not None:
            authority.write_new(key, issued.key, 0o600)
        authority.write_new(certificate, issued.certificate, 0o644)
    except NotIssued as problem:
        _refuse(ctx, Kind.REFUSED, f"the request is not signed: {problem}", json)
    except FileExistsError as problem:
        _refuse(ctx, Kind.CONFLICT, f"{problem.filename} exists; say --to, or move it away", json)
    except (OSError, ValueError) as problem:
        _refuse(ctx, Kind.MISSING, f"it cannot be made: {problem}", json)
    _tell(_Made(str(certificate), str(key) if issued.key is not None else None, issued.ends_at), json)


def _tell(made: _Made, json: bool) -> None:
    files = " and ".join(file for file in (made.certificate, made.key) if file is not None)
    click.echo(as_json(made) if json else f"{files}, until {made.ends_at:%Y-%m-%d}", err=not json)


def _refuse(ctx: click.Context, kind: Kind, says: str, json: bool) -> NoReturn:
    write_refusal(Refusal(kind, says), json=json)
    ctx.exit(Exit.REFUSED if kind is Kind.REFUSED else Exit.ERROR)
