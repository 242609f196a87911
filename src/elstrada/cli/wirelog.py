"""`elstrada station log`: what was said on a station's line, read from the files that nodes write."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec

from elstrada.cli.configuration import config_of
from elstrada.cli.exits import Exit
from elstrada.cli.output import printable
from elstrada.roles.wirelog.reading import (
    Answer,
    Following,
    Logged,
    Wanted,
    WireUnreadable,
    every,
    files_in,
    latest,
)

_PERIOD_S = 0.5
_SHOWN = 100
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class _Moment(click.ParamType[datetime]):
    """A moment as RFC 3339, UTC where no zone is said; or how long ago: ``15m``, ``2h``, ``7d``."""

    name = "when"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        text = str(value)
        ago = re.fullmatch(r"(\d{1,6})([smhd])", text)
        if ago is not None:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r}: expected a time like 2026-03-01T12:00Z, or 15m, 2h, 7d", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@click.command("log")
@click.argument("station")
@click.option("--party", help="Our CPO; needed only if several have a station of this identity.")
@click.option("--since", type=_Moment(), metavar="WHEN", help="A time, or how long ago: 15m, 2h, 7d.")
@click.option("--until", type=_Moment(), metavar="WHEN", help="As --since.")
@click.option("--action", help="Only this OCPP action and its answers.")
@click.option("--direction", type=click.Choice(["in", "out"]), help="in: the station began; out: we did.")
@click.option("--id", "message_id", help="Only this message id.")
@click.option("--limit", type=click.IntRange(min=1), help=f"The newest so many; by default {_SHOWN}.")
@click.option("--all", "whole", is_flag=True, help="All there is, for an export.")
@click.option("--node", help="Only what this node wrote.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the nodes' files are, instead of wire_log.dir.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option("--follow", is_flag=True, help="Go on with what comes new, until Ctrl-C.")
@click.pass_context
def station_log(
    ctx: click.Context,
    station: str,
    party: str | None,
    since: datetime | None,
    until: datetime | None,
    action: str | None,
    direction: str | None,
    message_id: str | None,
    limit: int | None,
    whole: bool,
    node: str | None,
    folder: Path | None,
    as_json: bool,
    follow: bool,
) -> None:
    """Show what was said with STATION, each call beside its answer; its secrets were never kept.

    Reads the files that nodes write into wire_log.dir, whether they run or not.
    """
    folder = folder or config_of(ctx).wire_log_dir
    files = files_in(folder, node)
    if not files:
        click.echo(f"Error: there is no wire log{f' of {node}' if node else ''} in {folder}", err=True)
        click.echo("Every gateway writes its own; say --dir where they are.", err=True)
        ctx.exit(Exit.UNREACHABLE)
    wanted = Wanted(
        station_id=station,
        owner=party,
        since=since,
        until=until,
        action=action,
        inbound=None if direction is None else direction == "in",
        message_id=message_id,
    )
    try:
        following = Following(files, wanted) if follow else None
        found = every(files, wanted) if whole else latest(files, wanted, limit or _SHOWN)
        count = _write(found, as_json)
        if following is not None:
            _follow(following, as_json)
        elif not count:
            click.echo("There is nothing.", err=True)
        elif not whole and limit is None and count == _SHOWN:
            click.echo(f"The newest {_SHOWN}; say --limit or --all for more.", err=True)
    except WireUnreadable as problem:
        click.echo(f"Error: {problem}", err=True)
        ctx.exit(Exit.UNREACHABLE)


def _follow(following: Following, as_json: bool) -> None:
    while True:
        _write(following.look(datetime.now(UTC)), as_json)
        time.sleep(_PERIOD_S)


def _write(entries: Iterable[Logged], as_json: bool) -> int:
    count = 0
    for count, one in enumerate(entries, 1):  # noqa: B007  How many there were.
        if as_json:
            click.echo(msgspec.json.encode(one).decode())
        else:
            for line in _told(one):
                click.echo(printable(line))
    return count


def _told(one: Logged) -> Iterator[str]:
    """One entry for people: a call, and beneath it its answer."""
    at = one.at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
    if one.direction is None:
        code = f" {one.outcome}" if one.outcome else ""
        yield f"{at}  * {one.kind}{code}: {one.text}"
        return
    inbound = one.direction == "from station"
    what = " ".join(part for part in (one.action, one.outcome if one.kind != "call" else "") if part)
    alone = "" if one.kind == "call" and one.answer is not None else f" [{one.outcome or one.kind}]"
    yield f"{at}  {'>' if inbound else '<'} {what or one.kind}{alone}  {one.text}"
    if one.answer is not None:
        yield f"{'':24}  {'<' if inbound else '>'} {_summary(one.answer)}  {one.answer.text}"


def _summary(answer: Answer) -> str:
    kind = "CALLERROR " if answer.kind == "error" else ""
    return f"{kind}{answer.outcome or 'answered'} after {answer.latency_ms:.1f} ms"
