"""`elstrada cdr transparency`: what a meter signed, into a file for the driver's transparency software."""

from __future__ import annotations

from pathlib import Path

import click

from elstrada.cli.configuration import config_of
from elstrada.cli.fetching import DeskRefused, done, give_up
from elstrada.cli.output import as_json, printable
from elstrada.roles.desk.cdr_signed import Transparency
from elstrada.roles.desk.face import Kind, Refusal


@click.command("transparency")
@click.argument("cdr")
@click.option(
    "--to", type=click.Path(dir_okay=False, path_type=Path), help="The file to write, FILE.xml; else shown."
)
@click.option("--party", help="Whose copy, one of our parties.")
@click.option("--issuer", help="The CPO that issued it; needed only if two did.")
@click.option("--json", "json", is_flag=True, help="Write the result as JSON.")
@click.pass_context
def cdr_transparency(
    ctx: click.Context, cdr: str, to: Path | None, party: str | None, issuer: str | None, json: bool
) -> None:
    """Write what the meter of CDR signed, for the driver's own check. Nothing is overwritten."""
    try:
        given: dict[str, object] = {"cdr": cdr, "party": party, "issuer": issuer}
        found = done(config_of(ctx), "cdr transparency", given, Transparency)
        if to is not None:
            with to.open("x", encoding="utf-8", newline="") as file:
                file.write(found.xml)
    except DeskRefused as refused:
        give_up(ctx, refused.refusal, json)
    except OSError as problem:
        says = f"{problem.filename or to} cannot be written: {problem.strerror}"
        give_up(ctx, Refusal(Kind.CONFLICT, says, "say another file with --to"), json)
    if json:
        click.echo(as_json(found))
    elif to is None:
        click.echo(found.xml, nl=False)
    else:
        said = "; ".join(text for text in (found.doubt, found.unverified) if text)
        click.echo(printable(f"{to}: {found.status.value}" + (f", {said}" if said else "")))
