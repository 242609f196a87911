"""What the verbs of `elstrada db` share: how they fail, and how they say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click
import msgspec

from elstrada.cli.exits import Exit
from elstrada.cli.output import as_json
from elstrada.spine.upkeep.database import Broken, CannotOpen, Refused

_Result = TypeVar("_Result")
_EXITS: dict[type[Exception], Exit] = {
    CannotOpen: Exit.UNREACHABLE,
    Refused: Exit.REFUSED,
    Broken: Exit.CHECKS,
}
JSON = click.option("--json", is_flag=True, help="Write the result as JSON.")


class _Failure(msgspec.Struct, frozen=True):
    """Why a verb was not done."""

    kind: str
    says: str


def done(ctx: click.Context, json: bool, verb: Callable[[], _Result]) -> _Result:
    """What a verb gives; or say why there is nothing, and end."""
    try:
        return verb()
    except tuple(_EXITS) as problem:
        kind = type(problem)
        click.echo(
            as_json(_Failure(_EXITS[kind].name.lower(), str(problem))) if json else f"Error: {problem}",
            err=True,
        )
        ctx.exit(_EXITS[kind])
