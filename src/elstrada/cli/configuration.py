"""`elstrada config`: what is configured, and where it comes from."""

from __future__ import annotations

import click
import msgspec

from elstrada.cli.exits import Exit
from elstrada.cli.root import Given
from elstrada.config import Config, ConfigInvalid, Loaded, load


@click.group()
def config() -> None:
    """Show and check the configuration."""


@config.command()
@click.option("--json", is_flag=True, help="Write the settings as JSON.")
@click.pass_context
def show(ctx: click.Context, json: bool) -> None:
    """Every setting with its origin; secrets are hidden."""
    settings = loaded(ctx).settings
    if json:
        click.echo(msgspec.json.format(msgspec.json.encode(settings), indent=2).decode())
        return
    width = max(len(setting.key) for setting in settings)
    for setting in settings:
        value = "-" if setting.value is None else msgspec.json.encode(setting.value).decode()
        click.echo(f"{setting.key:<{width}}  {value}  ({setting.origin})")


@config.command()
@click.option("--json", is_flag=True, help="Write the outcome as JSON.")
@click.pass_context
def check(ctx: click.Context, json: bool) -> None:
    """Is the configuration valid? Exit code 3 if not."""
    loaded(ctx)
    click.echo('{"valid": true}' if json else "The configuration is valid.", err=not json)


def loaded(ctx: click.Context) -> Loaded:
    """The configuration, or the end of the command with all that is wrong with it."""
    given = ctx.find_object(Given) or Given({}, None)
    try:
        return load(given.overrides, given.file)
    except ConfigInvalid as invalid:
        for problem in invalid.problems:
            click.echo(f"Error: {problem}", err=True)
        ctx.exit(Exit.CONFIG)


def config_of(ctx: click.Context) -> Config:
    return loaded(ctx).config
