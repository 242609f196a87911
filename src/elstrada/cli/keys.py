"""`elstrada keys`: the file of an installation's secrets."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from elstrada.cli.exits import Exit
from elstrada.cli.output import as_json, write_refusal
from elstrada.roles.desk.face import Kind, Refusal
from elstrada.roles.keys import make_keys


class _Made(msgspec.Struct, frozen=True):
    """A file of new keys."""

    file: str
    fingerprint: str
    """What a database made with these keys remembers of them."""


@click.group()
def keys() -> None:
    """Make the secrets that all nodes of an installation share."""


@keys.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", is_flag=True, help="Write the result as JSON.")
@click.pass_context
def make(ctx: click.Context, file: Path, json: bool) -> None:
    """Write new keys into FILE, which must not exist; nobody but you may read it.

    Make them once, give every node the same (keys_file), and keep a copy where the backups are not:
    without them every station and partner is locked out.
    """
    try:
        made = make_keys(file)
    except FileExistsError:
        says = f"{file} exists, and other keys in its place would lock every station and partner out"
        write_refusal(Refusal(Kind.REFUSED, says, "name another file, or keep this one"), json=json)
        ctx.exit(Exit.REFUSED)
    except OSError as problem:
        write_refusal(Refusal(Kind.MISSING, f"{file} cannot be written: {problem.strerror}"), json=json)
        ctx.exit(Exit.ERROR)
    told = _Made(str(file), made.fingerprint())
    says = f"{file} holds new keys, fingerprint {told.fingerprint}: keep a copy apart from the backups."
    click.echo(as_json(told) if json else says, err=not json)
