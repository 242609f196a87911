"""`elstrada healthy`: a supervisor's question to the node on this machine, without a shell or another program."""

from __future__ import annotations

import http.client

import click

from elstrada.cli.configuration import config_of
from elstrada.cli.exits import Exit

_PATIENCE_S = 4.0
_MOST_BYTES = 10_000
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  Where to ask, not to listen.


@click.command()
@click.option("--ready", is_flag=True, help="Is it ready to work, too?")
@click.pass_context
def healthy(ctx: click.Context, ready: bool) -> None:
    """Does the node on this machine live? Exit code 0 if it does, 4 if nobody answers, 6 if it says no."""
    health = config_of(ctx).health
    host, path = _HERE.get(health.host, health.host), "/readyz" if ready else "/livez"
    connection = http.client.HTTPConnection(host, health.port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        said = answer.read(_MOST_BYTES).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as trouble:
        click.echo(f"Error: nobody answers at {host}:{health.port}: {trouble}", err=True)
        ctx.exit(Exit.UNREACHABLE)
    finally:
        connection.close()
    click.echo(said, err=True)
    ctx.exit(Exit.OK if answer.status == http.HTTPStatus.OK else Exit.CHECKS)
