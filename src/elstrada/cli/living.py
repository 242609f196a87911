"""`elstrada serve` and `elstrada demo`, which go on until they are stopped, and `elstrada sim`."""

from __future__ import annotations

import gc
from importlib import import_module
from math import isnan
from types import ModuleType

import click

from elstrada.cli.configuration import config_of
from elstrada.cli.root import Given


class Speed(click.FloatRange):
    """A range that has no place for NaN, which is neither below nor above any number."""

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if isnan(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


@click.command()
@click.option(
    "--roles", metavar="ROLE,...", help="What this node does, by default everything; as the setting."
)
@click.option("--node", metavar="NAME", help="What this node is called; as the setting.")
@click.pass_context
def serve(ctx: click.Context, roles: str | None, node: str | None) -> None:
    """Run the roles of this installation, until Ctrl-C; once more ends it at once."""
    given = ctx.find_object(Given) or Given({}, None)
    said = {name: text for name, text in (("roles", roles), ("node", node)) if text is not None}
    ctx.obj = Given({**given.overrides, **said}, given.file)
    ctx.exit(_loaded("elstrada.roles.serve").serve(config_of(ctx)) or 0)


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same world.")
@click.option(
    "--speed",
    type=Speed(0.1, 3600),
    default=60.0,
    show_default=True,
    help="World time to real time.",
)
@click.option(
    "--stations",
    type=click.IntRange(1, 5000),
    default=100,
    show_default=True,
    help="How many charging stations.",
)
@click.option("--keep", is_flag=True, help="Leave the data behind.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Of the pages; 0 takes any.",
)
@click.option(
    "--nodes",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    help="More than one: PostgreSQL, NATS, and all nodes but one are gateways.",
)
@click.pass_context
def demo(
    ctx: click.Context, seed: int, speed: float, stations: int, keep: bool, port: int, nodes: int
) -> None:
    """Show a living network on this machine, until Ctrl-C."""
    # The simulator stands beside the command line, so it is named here and not imported above.
    run = _loaded("elstrada.sim.demo").run
    ctx.exit(run(seed=seed, speed=speed, stations=stations, keep=keep, port=port, nodes=nodes) or 0)


@click.command()
@click.argument("seed", type=click.IntRange(min=0))
@click.option(
    "--worlds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many, from this seed on.",
)
@click.pass_context
def sim(ctx: click.Context, seed: int, worlds: int) -> None:
    """Simulate the world of SEED, the same every time, and check every promise; fails if one is broken."""
    ctx.exit(_loaded("elstrada.sim.trial").run(seed=seed, worlds=worlds))


def _loaded(name: str) -> ModuleType:
    """Import a part of the system. No garbage is looked for meanwhile: what is imported stays."""
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.enable()
