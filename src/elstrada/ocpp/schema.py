"""Reading a message: strictly in one pass if it conforms, else permissively with findings.

``Reader`` makes two decoders of a generated struct. The strict one knows every rule of the official
schema, so that what it accepts needs no further look; it runs first and nearly always suffices. Only a
message it refuses is parsed again, examined rule by rule, and read as leniently as its types allow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Generic, Literal, NoReturn, TypeVar, cast, get_args, get_origin

import msgspec

from elstrada.ocpp.faults import Finding, Refusal, refusal
from elstrada.ocpp.kinds import fields, is_a, json_type, type_name, unwrapped
from elstrada.ocpp.mending import REGISTERS, mended
from elstrada.ocpp.wire import Maximum, Minimum, OneOf, Rule, Wire, encode

_M = TypeVar("_M", bound=Wire)
_MAX_FINDINGS = 32
"""More than this of one message tell nobody anything new."""


_LONG_EXPONENT = re.compile(rb"[:,\[][ \t\r\n]*-?[0-9][0-9.]*[eE][+-]?[0-9]{4}")
"""Of a number, or of what looks like one in a text. Up to three digits nothing of it is large when written out."""
_ALIKE = bytes.maketrans(b"123456789E", b"000000000e")
"""Makes all digits one, and all exponents."""


def _has_long_exponent(payload: bytes) -> bool:
    """Does a number have an exponent of four digits or more?

    The pattern alone takes nearly as long as reading the message; what is looked for before it, next to nothing.
    """
    alike = payload.translate(_ALIKE)
    may_have = b"0e0000" in alike or b"0e+0000" in alike or b"0e-0000" in alike
    return may_have and _LONG_EXPONENT.search(payload) is not None


class Read(msgspec.Struct, Generic[_M], frozen=True):
    """A message and what was wrong with it."""

    message: _M
    findings: tuple[Finding, ...] = ()


class Reader(Generic[_M]):
    """Reads one type of message from JSON."""

    __slots__ = ("_kind", "_lenient", "_strict")

    def __init__(self, kind: type[_M]) -> None:
        self._kind = kind
        self._strict: msgspec.json.Decoder[_M] | None = None
        self._lenient: msgspec.json.Decoder[_M] | None = None

    def read(self, payload: bytes) -> Read[_M] | Refusal:
        """Read a payload that is known to be UTF-8 and not deeply nested.

        Returns:
            The message with the schema's findings, or a Refusal if it cannot be understood.
        """
        strict = self._strict or self._make()
        if _has_long_exponent(payload):
            # Which says no to a number that is far longer than it looks (T9).
            return self._read_leniently(payload)
        try:
            message = strict.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._read_leniently(payload)
        # The strict decoder cannot see that a key stands twice, or that a number stands in quotes.
        # Both leave more quotation marks than the message, written again, would need.
        # A backslash may hide such a mark, so that then the dear look is taken.
        if b"\\" in payload or payload.count(b'"') != encode(message).count(b'"'):
            return self._read_leniently(payload)
        return Read(message)

    def _make(self) -> msgspec.json.Decoder[_M]:
        # Made at first use: two versions have some 200 messages, of which a process sees a dozen.
        self._strict = msgspec.json.Decoder(_strict_twin(self._kind))
        self._lenient = msgspec.json.Decoder(self._kind, strict=False)
        return self._strict

    def _read_leniently(self, payload: bytes) -> Read[_M] | Refusal:
        try:
            document = parse(payload)
        except ValueError as problem:
            return refusal((), Finding("", "json", str(problem)))
        findings = validate(document, self._kind)
        try:
            message = self._decode(payload, document, findings)
        except (
            ValueError,
            OverflowError,
        ) as problem:  # Overflow: an integer beyond 64 bits, to be written again.
            return refusal(findings, _worst(findings, str(problem)))
        beyond = next(_beyond_64_bits(message, ""), None)
        return Read(message, findings) if beyond is None else refusal(findings, beyond)

    def _decode(self, payload: bytes, document: object, findings: tuple[Finding, ...]) -> _M:
        """As leniently as its types allow, or else with what breaks them mended.

        Raises:
            ValueError, OverflowError: it cannot be understood.
        """
        assert self._lenient is not None, "made together with the strict decoder"
        try:
            return self._lenient.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            if not findings:  # Nothing that anybody would learn of.
                raise
            return self._lenient.decode(encode(mended(document, self._kind)))


def parse(payload: bytes) -> object:
    """Any JSON, with exact decimals; stricter than the standard library where it matters.

    Raises:
        ValueError: not JSON, a key twice in one object, half a surrogate, NaN or Infinity, or a number beyond
            reason.
    """
    document = json.loads(
        payload,
        object_pairs_hook=_object,
        parse_float=_decimal,
        parse_int=_integer,
        parse_constant=_no_constant,
    )
    if b"\\u" in payload:
        msgspec.json.decode(payload)  # The standard library takes half a surrogate, which no text can hold.
    return document


def validate(document: object, kind: type[Wire]) -> tuple[Finding, ...]:
    """What the official schema of a message has against a parsed document; empty if it conforms."""
    findings: list[Finding] = []
    for finding in _examine(document, kind, ""):
        findings.append(finding)
        if len(findings) == _MAX_FINDINGS:
            break
    return tuple(findings)


def _beyond_64_bits(value: object, at: str) -> Iterator[Finding]:
    """Whole numbers that no store of ours holds, and that number nothing. The strict decoder takes none."""
    match value:
        case int() if not -(2**63) <= value < 2**63:
            yield Finding(at, "json", "expected an integer of at most 64 bits")
        case tuple():
            for index, part in enumerate(cast(tuple[object, ...], value)):
                yield from _beyond_64_bits(part, f"{at}/{index}")
        case Wire():
            for field in fields(type(value)):
                if field.encode_name not in REGISTERS:
                    yield from _beyond_64_bits(getattr(value, field.name), f"{at}/{field.encode_name}")
        case _:
            pass


def _worst(findings: tuple[Finding, ...], problem: str) -> Finding:
    for finding in findings:
        if finding.rule in ("required", "type"):
            return finding
    return Finding("", "json", problem)


# --- parsing ------------------------------------------------------------------------------------


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has the same key twice")
    return made


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("a number is beyond reason") from None
    if len(text) > 40 or abs(number.adjusted()) > 30:
        raise ValueError("a number is beyond reason")
    return number


def _integer(text: str) -> int:
    if len(text) > 20:
        raise ValueError("an integer has more than 64 bits")
    return int(text)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


# --- validating ---------------------------------------------------------------------------------


def _examine(value: object, kind: object, at: str) -> Iterator[Finding]:
    base, rules = unwrapped(kind)
    expected = json_type(base)
    if not is_a(value, expected):
        yield Finding(at, "type", f"expected {expected}, got {type_name(value)}")
        return
    for rule in rules:
        problem = rule.problem(value)
        if problem is not None:
            yield Finding(at, rule.keyword, problem)
    if expected == "array":
        item = get_args(base)[0]
        for index, part in enumerate(cast(list[object], value)):
            yield from _examine(part, item, f"{at}/{index}")
    elif expected == "object":
        yield from _examine_fields(cast(dict[str, object], value), cast(type[Wire], base), at)


def _examine_fields(value: dict[str, object], kind: type[Wire], at: str) -> Iterator[Finding]:
    unknown = set(value)
    for field in fields(kind):
        unknown.discard(field.encode_name)
        if field.encode_name in value:
            yield from _examine(value[field.encode_name], field.type, f"{at}/{field.encode_name}")
        elif field.required:
            yield Finding(f"{at}/{field.encode_name}", "required", "missing")
    for name in sorted(unknown):
        escaped = name[:50].replace("~", "~0").replace("/", "~1")
        yield Finding(f"{at}/{escaped}", "additionalProperties", "not a field of this message")


# --- the strict decoder's type ------------------------------------------------------------------


def _strict_twin(kind: type[_M]) -> type[_M]:
    """A subclass whose fields carry the schema's rules in a form that msgspec checks while decoding.

    Optional fields lose their None: on the wire, absent is absent and null is a violation.
    """
    strict = [
        (field.name, _strict(field.type))
        if field.required
        else (field.name, _strict(field.type), msgspec.field(default=field.default, name=field.encode_name))
        for field in fields(kind)
    ]
    twin = msgspec.defstruct(
        kind.__name__, strict, bases=(kind,), frozen=True, kw_only=True, forbid_unknown_fields=True
    )
    return cast(type[_M], twin)


_twins: dict[type[Wire], type[Wire]] = {}
_NEVER: Any = Annotated[int, msgspec.Meta(ge=1, le=0)]


def _bounded(rules: tuple[Rule, ...]) -> Any:
    """An integer of 64 bits, within its rules: msgspec takes one bound of a kind."""
    low = max((rule.limit for rule in rules if isinstance(rule, Minimum)), default=-(2**63))
    high = min((rule.limit for rule in rules if isinstance(rule, Maximum)), default=2**63 - 1)
    return Annotated[int, msgspec.Meta(ge=low, le=high)]


def _strict(kind: object) -> Any:
    base, rules = unwrapped(kind)
    if isinstance(base, type) and issubclass(base, Wire):
        if base not in _twins:
            _twins[base] = _strict_twin(base)
        return _twins[base]
    made = cast(Any, base)
    if base is int:
        made, rules = (
            _bounded(rules),
            tuple(rule for rule in rules if not isinstance(rule, Minimum | Maximum)),
        )
    if get_origin(base) is tuple:
        made = tuple[_strict(get_args(base)[0]), ...]
    for rule in rules:
        # msgspec compares integers only.
        meta = None if base is Decimal else rule.meta()
        if isinstance(rule, OneOf):
            made = Literal[tuple(member.value for member in rule.values)]
        elif meta is not None:
            made = Annotated[made, meta]
        else:
            # msgspec cannot check this rule: refuse, so that the message is examined.
            made = _NEVER
    return made
