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

from elstrada.ocpi.body import Json, Object

MOST = 16_384
"""Bytes of one object's surplus."""
_FIELDS, _OBJECTS, _LISTS = "f", "o", "l"


def surplus_of(document: Json, kind: type[msgspec.Struct]) -> Object:
    """What of a document has no place in a wire struct; empty if there is nothing."""
    if not isinstance(document, dict):
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
