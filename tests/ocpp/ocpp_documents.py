"""The smallest and the largest document that an official schema allows, made from the schema alone."""

from __future__ import annotations

from typing import Any

from ocpp_samples import AT

Schema = dict[str, Any]


def minimal(root: Schema) -> Any:
    """Only what is required, and of that the least."""
    return _made(root, root.get("definitions", {}), full=False)


def maximal(root: Schema) -> Any:
    """Every field, as long as it may be; two items in lists, where more would only be more of the same."""
    return _made(root, root.get("definitions", {}), full=True)


def required(root: Schema) -> list[str]:
    return root.get("required", [])


def _made(node: Schema, definitions: Schema, *, full: bool) -> Any:
    if "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]]
    match node.get("type"):
        case "object":
            names = node.get("properties", {}) if full else node.get("required", [])
            made = {name: _made(node["properties"][name], definitions, full=full) for name in names}
            # CustomDataType is the one object that anybody may extend.
            return made if node.get("additionalProperties") is False or not full else made | {"extra": [1]}
        case "array":
            low = node.get("minItems", 0)
            count = min(max(low, 2), node.get("maxItems", 2)) if full else low
            return [_made(node["items"], definitions, full=full) for _ in range(count)]
        case "integer":
            return int(node.get("maximum", 2**31 - 1) if full else node.get("minimum", 0))
        case "number":
            return node.get("maximum", 1234.5) if full else node.get("minimum", 0)
        case "boolean":
            return full
        case "string":
            return _text(node, full=full)
        case _:
            return {"any": ["thing"]}


def _text(node: Schema, *, full: bool) -> str:
    if "enum" in node:
        return node["enum"][-1 if full else 0]
    match node.get("format"):
        case "date-time":
            return AT
        case "uri":
            return "https://example.com/x"
        case _:
            return "ö" * node.get("maxLength", 100) if full else ""
