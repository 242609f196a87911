"""`elstrada cdr evidence`: what a dispute about a CDR needs, from the desk into a folder or one file."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import click
import msgspec

from elstrada.cli.configuration import config_of
from elstrada.cli.fetching import DeskRefused, done, give_up
from elstrada.cli.output import as_json, printable
from elstrada.roles.desk.cdr_evidence import Evidence
from elstrada.roles.desk.face import Kind, Refusal

_EVER = (1980, 1, 1, 0, 0, 0)
"""The time of every entry, as the oldest that a ZIP file knows: the same pack has the same bytes."""


class Packed(msgspec.Struct, frozen=True):
    """What was written."""

    place: str
    files: int
    sha256: str
    """Of the ZIP file that holds the pack, whether that was written or a folder."""


@click.command("evidence")
@click.argument("cdr")
@click.option("--to", type=click.Path(path_type=Path), required=True, help="A folder to make, or FILE.zip.")
@click.option("--party", help="Whose copy, one of our parties.")
@click.option("--issuer", help="The CPO that issued it; needed only if two did.")
@click.option("--json", "json", is_flag=True, help="Tell as JSON what was written.")
@click.pass_context
def cdr_evidence(
    ctx: click.Context, cdr: str, to: Path, party: str | None, issuer: str | None, json: bool
) -> None:
    """Write what a dispute about CDR needs: as it came, findings, price, session, decisions. Nothing is overwritten."""
    try:
        given: dict[str, object] = {"cdr": cdr, "party": party, "issuer": issuer}
        pack = done(config_of(ctx), "cdr evidence", given, Evidence)
        content = zipped(pack)
        write(pack, content, to)
    except DeskRefused as refused:
        give_up(ctx, refused.refusal, json)
    except OSError as problem:
        says = f"{problem.filename or to} cannot be written: {problem.strerror}"
        give_up(ctx, Refusal(Kind.CONFLICT, says, "say another place with --to"), json)
    told = Packed(str(to), len(pack.files), hashlib.sha256(content).hexdigest())
    click.echo(
        as_json(told) if json else printable(f"{told.place}: {told.files} files, SHA-256 {told.sha256}")
    )


def zipped(pack: Evidence) -> bytes:
    """The pack as one file: stored, not compressed, so that no library's version changes a byte."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for piece in pack.files:
            entry = zipfile.ZipInfo(piece.name, _EVER)
            entry.create_system, entry.external_attr = 3, 0o600 << 16
            archive.writestr(entry, piece.content.encode())
    return out.getvalue()


def write(pack: Evidence, content: bytes, to: Path) -> None:
    """Write one file, or one each into a new folder.

    Raises:
        OSError: it cannot be written, or is there already.
    """
    if to.suffix == ".zip":
        with to.open("xb") as file:
            file.write(content)
        return
    to.mkdir(mode=0o700)
    for piece in pack.files:
        (to / piece.name).write_bytes(piece.content.encode())
