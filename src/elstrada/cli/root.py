"""The command `elstrada`: its options, and where its commands are."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import click
import msgspec

from elstrada.cli.exits import MEANINGS
from elstrada.roles.desk.nouns import NOUNS

_MODULES: Mapping[str, tuple[str, str]] = {
    "demo": ("elstrada.cli.living", "Show a living network on this machine; needs no configuration."),
    "sim": ("elstrada.cli.living", "Simulate worlds from seeds and check every promise."),
    "serve": ("elstrada.cli.living", "Run the roles of this installation."),
    "price": ("elstrada.cli.price", "Say what CDRs in files should cost; needs no installation."),
    "config": ("elstrada.cli.configuration", "Show and check the configuration."),
    "db": ("elstrada.cli.database", "Migrate, back up, restore and verify the database."),
    "keys": ("elstrada.cli.keys", "Make the secrets that several nodes share."),
    "ca": ("elstrada.cli.authority", "Make certificates for a server and for stations."),
    "healthy": ("elstrada.cli.healthy", "Does the node on this machine live?"),
    "doctor": ("elstrada.cli.doctor", "Look at this installation and say what is wrong."),
}
"""Command: the module that has it under its name, and a line of help."""


class Given(msgspec.Struct, frozen=True):
    """What stands before the command: where the configuration comes from."""

    overrides: Mapping[str, str]
    file: Path | None


class LazyGroup(click.Group):
    """Loads a command's module when the command is used: help and errors are there at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_MODULES, *NOUNS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in NOUNS:
            return import_module("elstrada.cli.nouns").noun_group(cmd_name)
        if cmd_name in _MODULES:
            return getattr(import_module(_MODULES[cmd_name][0]), cmd_name)
        return None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Tell the exit codes."""
        with formatter.section("Exit codes (doctor, serve and healthy have a few of their own)"):
            formatter.write_dl([(str(int(code)), says) for code, says in MEANINGS.items()])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _MODULES[name][1]) for name in _MODULES])
        with formatter.section("Nouns, each with its verbs"):
            formatter.write_dl([(name, NOUNS[name][1]) for name in NOUNS])


def _overrides(ctx: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    named: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r}: expected NAME=VALUE, like http.port=8080", ctx, parameter)
        named[name.strip().lower()] = value
    return named


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("elstrada"), prog_name="elstrada")
@click.option("--data-dir", type=click.Path(file_okay=False), help="Where everything is kept.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The file, instead of what ELSTRADA_CONFIG names, or elstrada.toml.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    callback=_overrides,
    metavar="NAME=VALUE",
    help="One setting; repeatable.",
)
@click.pass_context
def root(ctx: click.Context, data_dir: str | None, config: Path | None, overrides: dict[str, str]) -> None:
    """Electric-car charging as one system: stations over OCPP, roaming over OCPI, and the bill."""
    if data_dir is not None:
        overrides = {**overrides, "data_dir": data_dir}
    ctx.obj = Given(overrides, config)
