"""`elstrada station fetch`: a log that a station left, piece by piece from the desk into a file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NoReturn, TypeVar

import click
import msgspec

from elstrada.cli.configuration import config_of
from elstrada.cli.nouns import EXITS
from elstrada.cli.output import as_json, printable, write_refusal
from elstrada.cli.reach import have_done
from elstrada.config import Config
from elstrada.roles.desk.face import Kind, Refusal
from elstrada.roles.desk.table import params_of, verb_named
from elstrada.roles.desk.transferred import Piece

_Done = TypeVar("_Done")


class DeskRefused(Exception):
    """A verb that was one step of several was not done."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.says)
        self.refusal = refusal


@click.command("fetch")
@click.argument("transfer")
@click.option("--party", help="Our CPO; needed only if there are several.")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="The file or folder to write; by default one of the log's name here.",
)
@click.option("--json", "json", is_flag=True, help="Tell as JSON what was written.")
@click.pass_context
def station_fetch(ctx: click.Context, transfer: str, party: str | None, to: Path | None, json: bool) -> None:
    """Copy out the log that came by TRANSFER, as `elstrada station transfers` lists it. Nothing is overwritten."""
    config = config_of(ctx)
    given: dict[str, object] = {"transfer": transfer, "party": party}
    try:
        piece = done(config, "station fetch", {**given, "offset": 0}, Piece)
        place = _place(to, piece.file_name)
        _write(config, given, piece, place)
    except DeskRefused as refused:
        give_up(ctx, refused.refusal, json)
    except OSError as problem:
        says = f"{problem.filename or to} cannot be written: {problem.strerror}"
        give_up(ctx, Refusal(Kind.CONFLICT, says, "say another file with --to"), json)
    told = Fetched(str(place), piece.size, piece.sha256)
    click.echo(as_json(told) if json else printable(f"{told.file}: {told.size} bytes"))


class Fetched(msgspec.Struct, frozen=True):
    """What was written."""

    file: str
    size: int
    sha256: str


def _place(to: Path | None, name: str) -> Path:
    """Where a log goes; its name was made fit to be a file's when it came, and no path is taken from it."""
    name = os.path.basename(name) or "log"
    if to is None:
        return Path(name)
    return to / name if to.is_dir() else to


def _write(config: Config, given: dict[str, object], piece: Piece, place: Path) -> None:
    """Write piece after piece, and leave nothing behind that is not whole.

    Raises:
        OSError: it cannot be written, or is there already.
        DeskRefused: it cannot be had whole.
    """
    digest = hashlib.sha256()
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        try:
            while True:
                file.write(piece.content)
                digest.update(piece.content)
                at = piece.offset + len(piece.content)
                if at >= piece.size or not piece.content:
                    break
                piece = done(config, "station fetch", {**given, "offset": at}, Piece)
            if digest.hexdigest() != piece.sha256:
                raise DeskRefused(Refusal(Kind.CONFLICT, "the log is not what came: its hash is another"))
        except BaseException:
            place.unlink()
            raise


def done(config: Config, name: str, values: dict[str, object], result: type[_Done]) -> _Done:
    """Do a verb, wherever it can be done.

    Raises:
        DeskRefused: it was not done.
    """
    verb = verb_named(name)
    assert verb is not None, "it is in the table"
    params = params_of(verb, {key: value for key, value in values.items() if value is not None})
    answer = params if isinstance(params, Refusal) else have_done(config, verb, params)
    if isinstance(answer, Refusal):
        raise DeskRefused(answer)
    assert isinstance(answer, result)
    return answer


def give_up(ctx: click.Context, refusal: Refusal, json: bool) -> NoReturn:
    """Say why, and end as the verb would by itself."""
    write_refusal(refusal, json=json)
    ctx.exit(EXITS[refusal.kind])
