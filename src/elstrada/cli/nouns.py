"""Commands made from the desk's table: a verb's parameters are its arguments and options."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import cast

import click
import msgspec
from msgspec import inspect

from elstrada.cli.exits import Exit
from elstrada.cli.output import write_refusal, write_result
from elstrada.cli.reach import have_done
from elstrada.cli.root import Given
from elstrada.config import ConfigInvalid, load
from elstrada.net.chance import SystemChance
from elstrada.roles.desk.face import AnyVerb, Kind, Refusal
from elstrada.roles.desk.nouns import NOUNS
from elstrada.roles.desk.shapes import beside_rules, described
from elstrada.roles.desk.table import params_of, verbs_of

EXITS = {
    Kind.USAGE: Exit.USAGE,
    Kind.INVALID: Exit.CHECKS,
    Kind.MISSING: Exit.ERROR,
    Kind.CONFLICT: Exit.ERROR,
    Kind.REFUSED: Exit.REFUSED,
    Kind.UNREACHABLE: Exit.UNREACHABLE,
    Kind.UNKNOWN: Exit.UNKNOWN,
}
_BESIDE = {
    "station": (("elstrada.cli.wirelog", "station_log"), ("elstrada.cli.fetching", "station_fetch")),
    "cdr": (("elstrada.cli.evidence", "cdr_evidence"), ("elstrada.cli.transparency", "cdr_transparency")),
    "firmware": (("elstrada.cli.firmware", "firmware_add"), ("elstrada.cli.firmware", "firmware_sign")),
}
"""Commands on a noun that are no verbs of the desk, or more than one, for they go on, or read and write files:
module and name."""
_ELSEWHERE = (
    "If you meant another installation, go to the folder of its elstrada.toml, or say --config or --data-dir."
)
MOST_LINE = 4096
MOST_BYTES = 1 << 30
"""Of a file that is handed in."""
MOST_DOCUMENT = 1 << 20
"""Bytes of a JSON text that is handed in; verbs take less, and say so."""


class _File(click.ParamType[bytes]):
    """The content of a file; ``-`` is standard input."""

    name = "file"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        try:
            with sys.stdin.buffer if value == "-" else Path(str(value)).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError as problem:
            self.fail(f"{value} cannot be read: {problem.strerror}", param, ctx)
        if len(content) > MOST_BYTES:
            self.fail(f"{value} has more than {MOST_BYTES} bytes", param, ctx)
        return content


class _Text(click.ParamType[str]):
    """A text; ``-`` is a line of standard input, for secrets, which others could read in the process list."""

    name = "text"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return sys.stdin.readline(MOST_LINE).rstrip("\r\n") if value == "-" else str(value)


class _Document(click.ParamType[str]):
    """A JSON text: as it stands, from a file after ``@``, or from standard input for ``-``."""

    name = "json"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        told = str(value)
        if told != "-" and not told.startswith("@"):
            return told
        try:
            with sys.stdin.buffer if told == "-" else Path(told[1:]).open("rb") as file:
                return file.read(MOST_DOCUMENT).decode("utf-8-sig")
        except OSError as problem:
            self.fail(f"{told[1:]} cannot be read: {problem.strerror}", param, ctx)
        except UnicodeDecodeError:
            self.fail(f"{told} is not UTF-8", param, ctx)


def noun_group(noun: str) -> click.Group:
    """The noun's verbs as commands."""
    group = click.Group(noun, help=NOUNS[noun][1])
    for verb in verbs_of(noun):
        group.add_command(_command(verb))
    for module, command in _BESIDE.get(noun, ()):
        group.add_command(getattr(import_module(module), command))
    return group


def _command(verb: AnyVerb) -> click.Command:
    struct = inspect.type_info(verb.params)
    assert isinstance(struct, inspect.StructType)
    left = verb.arguments
    parameters: list[click.Parameter] = []
    for field in struct.fields:
        in_turn = left > 0 and (field.required or _is_document(field.type))
        by_place = in_turn or field.name == verb.optional
        left -= in_turn
        parameters.append(_argument(field) if by_place else _option(field))
    parameters.append(click.Option(["--json"], is_flag=True, help="Write the result as JSON."))
    return click.Command(
        verb.name.split()[1], params=parameters, callback=_callback(verb), help=_help(verb, struct)
    )


def _callback(verb: AnyVerb) -> Callable[..., None]:
    @click.pass_context
    def callback(ctx: click.Context, json: bool, **values: object) -> None:
        given = {name: value for name, value in values.items() if value not in (None, (), False)}
        if "command_id" in values:  # So that it can be repeated safely, should its answer never come.
            given.setdefault("command_id", SystemChance().uuid())
        params = params_of(verb, given, strict=False)
        answer = params if isinstance(params, Refusal) else _done(ctx, verb, params, json=json)
        if isinstance(answer, Refusal):
            write_refusal(answer, json=json)
            ctx.exit(EXITS[answer.kind])
        write_result(verb, answer, json=json)
        if verb.fails is not None and verb.fails(answer):
            ctx.exit(Exit.CHECKS)

    return callback


def _done(ctx: click.Context, verb: AnyVerb, params: msgspec.Struct, *, json: bool) -> object | Refusal:
    given = ctx.find_object(Given) or Given({}, None)
    try:
        config = load(given.overrides, given.file).config
    except ConfigInvalid as invalid:
        for problem in invalid.problems:
            click.echo(f"Error: {problem}", err=True)
        ctx.exit(Exit.CONFIG)
    was_there = config.sqlite_file.exists()
    answer = have_done(config, verb, params)
    if not json and not was_there and config.sqlite_file.exists():
        click.echo(f"There was nothing in {config.data_dir} before. {_ELSEWHERE}", err=True)
    return answer


# --- parameters -------------------------------------------------------------------------------------


def _argument(field: inspect.Field) -> click.Argument:
    kind, _ = _kind(field.type)
    metavar = _metavar(field).upper()
    if _is_document(field.type):
        metavar = "JSON|@FILE|-"
    metavar = metavar if field.required else f"[{metavar}]"
    return click.Argument([field.name], type=kind, required=field.required, metavar=metavar)


def _option(field: inspect.Field) -> click.Option:
    kind, many = _kind(field.type)
    flag = f"--{field.name.replace('_', '-')}"
    if kind is click.BOOL:
        return click.Option([flag, field.name], is_flag=True, help=described(field.type))
    default = (
        "" if field.required or field.default in (None, (), msgspec.NODEFAULT) else _shown(field.default)
    )
    told = described(field.type) + (f" By default {default}." if default else "")
    return click.Option([flag, field.name], type=kind, multiple=many, required=field.required, help=told)


def _kind(told: inspect.Type) -> tuple[click.ParamType[object], bool]:
    """How click reads a parameter, and whether it may be given several times.

    Numbers, dates and the like stay texts: the struct reads them, and says what it expected.
    """
    match told:
        case inspect.Metadata(type=inner):
            kind: click.ParamType[object] = cast("click.ParamType[object]", _Document())
            return (kind, False) if _is_document(told) else _kind(inner)
        case inspect.UnionType(types=types):
            return _kind(next(each for each in types if not isinstance(each, inspect.NoneType)))
        case inspect.VarTupleType(item_type=item):
            return _kind(item)[0], True
        case inspect.EnumType(cls=cls):
            return cast("click.ParamType[object]", click.Choice([_shown(each) for each in cls], False)), False
        case inspect.BoolType():
            return cast("click.ParamType[object]", click.BOOL), False
        case inspect.BytesType():
            return cast("click.ParamType[object]", _File()), False
        case _:
            return cast("click.ParamType[object]", _Text()), False


def _is_document(told: inspect.Type) -> bool:
    return beside_rules(told).get("contentMediaType") == "application/json"


def _metavar(field: inspect.Field) -> str:
    return field.name.replace("_", "-")


def _shown(value: object) -> str:
    return str(value.value) if isinstance(value, Enum) else str(value)


def _help(verb: AnyVerb, struct: inspect.StructType) -> str:
    """The verb's line, and what its arguments are, which click does not tell."""
    placed = [field for field in struct.fields if field.required or _is_document(field.type)]
    optional = [field for field in struct.fields if field.name == verb.optional]
    told = [
        f"{_metavar(field).upper()}: {described(field.type)}{_choices(field)}"
        for field in (*placed[: verb.arguments], *optional)
    ]
    return "\n\n".join([verb.says, *told])


def _choices(field: inspect.Field) -> str:
    kind, _ = _kind(field.type)
    return f" One of {', '.join(map(str, kind.choices))}." if isinstance(kind, click.Choice) else ""
