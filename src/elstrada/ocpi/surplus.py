"""What an object says beyond our structs: kept beside it, and told again unchanged (R-21).

A surplus is a tree, for unknown fields may stand in objects inside: ``f`` holds the unknown fields of this
object, ``o`` the surplus of the objects it holds, and ``l`` that of its lists' entries, by their uid or id,
or by their place where they have none. What has no surplus is left out, so that nothing is nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import cast

import msgspec
from msgspec import inspect

from elstrada.ocpi.body import Json, Mismatch, Object, encode, plain, shape
from elstrada.ocpi.findings import Loss, Translated

MOST = 16_384
"""Bytes of one object's surplus."""
_FIELDS, _OBJECTS, _LISTS = "f", "o", "l"


def surplus_of(document: Json, kind: type[msgspec.Struct]) -> Object:
    """What of a document has no place in a wire struct; empty if there is nothing."""
    if not isinstance(document, dict) or _is_known(document, kind):
        return {}
    known = _shape(kind)
    fields: Object = {
        name: value for name, value in document.items() if name not in known and value is not None
    }
    objects: Object = {}
    lists: Object = {}
    for name, inner in known.items():
        value = document.get(name)
        if inner is None or value is None:
            continue
        if isinstance(value, list):
            entries = {key: found for key, item in _keyed(value) if (found := surplus_of(item, inner))}
            lists |= {name: cast(Json, entries)} if entries else {}
        elif found := surplus_of(value, inner):
            objects[name] = found
    return _tree(fields, objects, lists)


def with_surplus(document: Object, surplus: Object) -> Object:
    """The document with its surplus in its places; what is gone from it takes its surplus along."""
    result = dict(document)
    for name, inner in _part(surplus, _OBJECTS).items():
        value = result.get(name)
        if isinstance(value, dict) and isinstance(inner, dict):
            result[name] = with_surplus(value, inner)
    for name, inner in _part(surplus, _LISTS).items():
        value = result.get(name)
        if isinstance(value, list) and isinstance(inner, dict):
            result[name] = [_entry(item, inner.get(key)) for key, item in _keyed(value)]
    return {**_part(surplus, _FIELDS), **result}


def carried(
    document: Object, of: type[msgspec.Struct], told: Translated[msgspec.Struct]
) -> Translated[object]:
    """A translated object with what its own version did not know of it, unchanged, as it is told in another.

    Args:
        document: as it came.
        of: its struct, in its own version.
        told: the same in the other version.
    Returns:
        As losses, too, what has no place there, is more than is sane, or would spoil what is told.
    """
    surplus = surplus_of(document, of)
    if not surplus:
        return Translated(told.value, told.losses)
    if len(encode(surplus)) > MOST:
        return Translated(told.value, (*told.losses, Loss("", f"unknown fields of more than {MOST} bytes")))
    whole, lost = _placed(plain(told.value), surplus, document, "")
    try:
        shape(whole, type(told.value))
    except Mismatch as problem:
        return Translated(told.value, (*told.losses, Loss("", f"unknown fields would spoil it: {problem}")))
    return Translated(whole, (*told.losses, *(Loss(at, "unknown, and without a place") for at in lost)))


def patched_surplus(surplus: Object, patch: Object, kind: type[msgspec.Struct]) -> Object:
    """The surplus after a PATCH: unknown fields of it are added, null takes one away, and what it replaces is new."""
    news = surplus_of(patch, kind)
    kept = {name: value for name, value in _part(surplus, _FIELDS).items() if name not in patch}
    objects = {name: value for name, value in _part(surplus, _OBJECTS).items() if name not in patch}
    lists = {name: value for name, value in _part(surplus, _LISTS).items() if name not in patch}
    return _tree(kept | _part(news, _FIELDS), objects | _part(news, _OBJECTS), lists | _part(news, _LISTS))


def at(surplus: Object, path: Sequence[tuple[str, str]]) -> Object:
    """The surplus of an object inside.

    Args:
        path: of lists, and which of their entries.
    """
    for name, key in path:
        entries = _part(surplus, _LISTS).get(name)
        found = entries.get(key.casefold()) if isinstance(entries, dict) else None
        surplus = found if isinstance(found, dict) else {}
    return surplus


def with_at(surplus: Object, path: Sequence[tuple[str, str]], inner: Object) -> Object:
    """The surplus with that of an object inside replaced."""
    if not path:
        return inner
    (name, key), *rest = path
    lists = dict(_part(surplus, _LISTS))
    entries = lists.get(name)
    entries = dict(entries) if isinstance(entries, dict) else {}
    changed = with_at(at(surplus, path[:1]), rest, inner)
    entries.pop(key.casefold(), None)
    entries |= {key.casefold(): changed} if changed else {}
    lists.pop(name, None)
    lists |= {name: entries} if entries else {}
    return _tree(_part(surplus, _FIELDS), _part(surplus, _OBJECTS), lists)


def _placed(document: Json, surplus: Json, former: Json, at: str) -> tuple[Json, tuple[str, ...]]:
    """The document with the surplus of another version's in its places, and where there is none."""
    if not (isinstance(document, dict) and isinstance(surplus, dict) and isinstance(former, dict)):
        return document, (at,)
    result: Object = {**_part(surplus, _FIELDS), **document}
    lost: tuple[str, ...] = ()
    for name, inner in _part(surplus, _OBJECTS).items():
        value, away = _placed(result.get(name), inner, former.get(name), f"{at}/{name}")
        result |= {name: value} if name in result else {}
        lost += away
    for name, entries in _part(surplus, _LISTS).items():
        value, away = _listed(result.get(name), entries, former.get(name), f"{at}/{name}")
        result |= {name: value} if name in result else {}
        lost += away
    return result, lost


def _listed(items: Json, entries: Json, former: Json, at: str) -> tuple[Json, tuple[str, ...]]:
    """The same of a list. Entries without names are known by their places, as long as none was left out."""
    if not (isinstance(items, list) and isinstance(entries, dict) and isinstance(former, list)):
        return items, (at,)
    before = dict(_keyed(former))
    told: list[Json] = []
    missing, lost = set(entries), tuple[str, ...]()
    for key, item in _keyed(items):
        knows_it = key in missing and (len(items) == len(former) or not key.startswith("#"))
        value, away = _placed(item, entries[key], before[key], f"{at}/*") if knows_it else (item, ())
        told.append(value)
        missing -= {key} if knows_it else set()
        lost += away
    return told, (*lost, *(f"{at}/*" for _ in missing))


def _entry(item: Json, surplus: Json) -> Json:
    return with_surplus(item, surplus) if isinstance(item, dict) and isinstance(surplus, dict) else item


def _keyed(items: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    """The entries of a list by what names them."""
    for index, item in enumerate(items):
        named = item.get("uid", item.get("id")) if isinstance(item, dict) else None
        yield (named.casefold() if isinstance(named, str) else f"#{index}"), item


def _part(surplus: Object, name: str) -> Object:
    part = surplus.get(name)
    return part if isinstance(part, dict) else {}


def _tree(fields: Object, objects: Object, lists: Object) -> Object:
    parts: Object = {_FIELDS: fields, _OBJECTS: objects, _LISTS: lists}
    return {name: part for name, part in parts.items() if part}


def _is_known(document: Object, kind: type[msgspec.Struct]) -> bool:
    """Has every field a place? A tenth of the time that it takes to say what has none, and most objects are so."""
    if not document.keys() <= _shape(kind).keys():
        return False
    for name, inner in _holding(kind):
        value = document.get(name)
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, dict) and not _is_known(item, inner):
                return False
    return True


@cache
def _holding(kind: type[msgspec.Struct]) -> tuple[tuple[str, type[msgspec.Struct]], ...]:
    """The fields that hold objects."""
    return tuple((name, inner) for name, inner in _shape(kind).items() if inner is not None)


@cache
def _shape(kind: type[msgspec.Struct]) -> Mapping[str, type[msgspec.Struct] | None]:
    """A struct's fields, with the struct that each holds, or holds a list of."""
    found = inspect.type_info(kind)
    assert isinstance(found, inspect.StructType)
    return {field.encode_name: _inner(field.type) for field in found.fields}


def _inner(found: inspect.Type) -> type[msgspec.Struct] | None:
    match found:
        case inspect.StructType(cls=cls):
            return cls
        case inspect.UnionType(types=types):
            return next((inner for one in types if (inner := _inner(one)) is not None), None)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return _inner(item)
        case _:
            return None
