"""The table of verbs, by noun. A noun's module is loaded when it is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import cast

import msgspec
from msgspec import inspect

from elstrada.roles.desk.face import AnyVerb, Desk, Kind, Part, Refusal, Refused
from elstrada.roles.desk.nouns import NOUNS
from elstrada.roles.desk.shapes import described
from elstrada.spine.face import RowMoved, SpineDown, StreamMoved

STARTED_BY = "start `elstrada serve` on this data directory, then repeat the command"


def verbs_of(noun: str) -> Iterator[AnyVerb]:
    """The verbs of a noun; none for a word that is no noun."""
    if noun not in NOUNS:
        return
    module = import_module(f"elstrada.roles.desk.{NOUNS[noun][0]}")
    verbs: tuple[AnyVerb, ...] = module.VERBS
    yield from (verb for verb in verbs if verb.name.split()[0] == noun)


def verb_named(name: str) -> AnyVerb | None:
    """The verb ``station add``."""
    return next((verb for verb in verbs_of(name.split()[0] if name else "") if verb.name == name), None)


def lacks(desk: Desk | None, verb: AnyVerb) -> Refusal | None:
    """The refusal of a verb that needs a living part which is not there."""
    parts = {
        Part.POST: desk and desk.post,
        Part.REGISTRAR: desk and desk.registrar,
        Part.COMMANDER: desk and desk.commander,
        Part.STEERSMAN: desk and desk.steersman,
        Part.TERMINALS: desk and desk.terminals,
    }
    if verb.needs is None or parts[verb.needs] is not None:
        return None
    return Refusal(Kind.UNREACHABLE, f"{verb.name} needs a running server", STARTED_BY)


def not_known(verb: AnyVerb, params: msgspec.Struct, because: str) -> Refusal:
    """The refusal of a verb of which nobody can say whether it was done, and how to see."""
    says = f"nobody knows whether {verb.name} was done: {because}"
    command_id: str | None = getattr(params, "command_id", None)
    if command_id is not None:
        hint = f"see `elstrada station commands`, or repeat it with --command-id {command_id}: it is given once only"
        return Refusal(Kind.UNKNOWN, says, hint)
    look = _where_to_look(verb, params)
    if look is None:
        return Refusal(Kind.UNKNOWN, says, "repeat it: what is put twice is there once")
    return Refusal(Kind.UNKNOWN, says, f"see `elstrada {look}` before you repeat it")


def _where_to_look(verb: AnyVerb, params: msgspec.Struct) -> str | None:
    """The verb that shows what a verb does; None: there is none."""
    if verb.look:
        return verb.look
    noun = verb.name.split()[0]
    named: str | None = getattr(params, noun, None)
    if noun == "station" and named and verb.needs is Part.POST:
        return f"station commands {named}"
    if named and verb_named(f"{noun} show") is not None:
        return f"{noun} show {named}"
    return f"{noun} list" if verb_named(f"{noun} list") is not None else None


async def perform(desk: Desk, verb: AnyVerb, params: msgspec.Struct) -> object | Refusal:
    """Do a verb; a refusal is an answer."""
    lacking = lacks(desk, verb)
    if lacking is not None:
        return lacking
    try:
        return await verb.do(desk, params)
    except Refused as refused:
        return refused.refusal
    except RowMoved as moved:
        says = f"somebody else changed the {moved.table} meanwhile; nothing was done"
        return Refusal(Kind.CONFLICT, says, "look at it again and repeat the command")
    except StreamMoved:
        says = "the server was at work on the same thing meanwhile; nothing was done"
        return Refusal(Kind.CONFLICT, says, "look at it again and repeat the command")
    except SpineDown as down:
        return Refusal(Kind.UNREACHABLE, f"the store cannot commit: {down}", "see to the disk, then repeat")


_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")


def params_of(verb: AnyVerb, values: object, *, strict: bool = True) -> msgspec.Struct | Refusal:
    """Build a verb's parameters from plain values; ``strict=False`` reads numbers and flags from texts."""
    try:
        return msgspec.convert(values, verb.params, strict=strict)
    except msgspec.ValidationError as problem:
        pointer = mismatch_pointer(problem)
        at = _shown_at(values, pointer, str(problem))
        says = f"{verb.name}: {at}{mismatch_says(problem)}"
        return Refusal(Kind.USAGE, says, _hint_at(verb, pointer, says), pointer)


def _hint_at(verb: AnyVerb, pointer: str, says: str) -> str:
    """Of what does not match a pattern, what it should be: the pattern itself tells few people that."""
    struct = inspect.type_info(verb.params)
    if "matching regex" not in says or not isinstance(struct, inspect.StructType):
        return ""
    told = {field.name: described(field.type) for field in struct.fields}
    return told.get(pointer[1:].split("/")[0], "").rstrip(".")


_MOST_SHOWN = 40


def _shown_at(values: object, pointer: str, problem: str) -> str:
    """Which parameter a message is about, as a command line names it, and what was given for it."""
    name = pointer[1:].split("/")[0]
    if not name:
        return ""
    option = f"--{name.replace('_', '-')}"
    given = cast("dict[str, object]", values).get(name) if isinstance(values, dict) else None
    if not isinstance(given, str | int | float) or _QUANTITY.search(problem) is None:
        return f"{option}: "
    shown = str(given)
    return f"{option} {shown[:_MOST_SHOWN]!r}: "


_QUANTITY = re.compile(r"expected `(int|float|decimal|datetime)|invalid (decimal|RFC3339)", re.IGNORECASE)
"""Where a number or a moment is wanted, what was given is repeated: it is no secret, as a text may be."""


def mismatch_pointer(problem: msgspec.ValidationError) -> str:
    """JSON pointer of what did not fit: ``/elements/0/price``."""
    found = _PATH.search(str(problem))
    if found is None:
        return ""
    return re.sub(r"\[(\d+|\.\.\.)\]", r"/\1", found["path"].replace(".", "/"))


def mismatch_says(problem: msgspec.ValidationError) -> str:
    """What did not fit, without the path."""
    says = _PATH.sub("", str(problem))
    return says[:1].lower() + says[1:]
