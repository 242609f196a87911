"""`elstrada doctor`: what is wrong with this installation."""

from __future__ import annotations

from collections.abc import Sequence

import click

from elstrada.cli.output import as_json
from elstrada.cli.root import Given
from elstrada.config import ConfigInvalid, load
from elstrada.roles.doctor.case import Finding, Level
from elstrada.roles.doctor.machine import this_machine
from elstrada.roles.doctor.settings import invalid
from elstrada.roles.doctor.whole import examine

FINE, WARNINGS, PROBLEMS = 0, 1, 2


@click.command()
@click.option(
    "--partners",
    is_flag=True,
    help="Ask others too: partners' platforms, authorities, OCSP responders, the pool of contracts.",
)
@click.option("--json", is_flag=True, help="Write the findings as JSON.")
@click.pass_context
def doctor(ctx: click.Context, partners: bool, json: bool) -> None:
    """Look at this installation and say what is wrong.

    Exit code 0: all is fine; 1: something should be seen to; 2: something does not work.
    Changes nothing. Run it as the user who runs the server.
    """
    found = _found(ctx, partners=partners)
    if json:
        click.echo(as_json(found))
    else:
        for finding in found:
            click.echo(finding.line())
    ctx.exit(_status(found))


def _found(ctx: click.Context, *, partners: bool) -> Sequence[Finding]:
    given = ctx.find_object(Given) or Given({}, None)
    try:
        config = load(given.overrides, given.file).config
    except ConfigInvalid as trouble:
        return invalid(trouble.problems)
    return list(examine(config, this_machine(), partners=partners))


def _status(found: Sequence[Finding]) -> int:
    levels = {finding.level for finding in found}
    if Level.PROBLEM in levels:
        return PROBLEMS
    return WARNINGS if Level.WARNING in levels else FINE
