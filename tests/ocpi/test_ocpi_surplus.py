"""What one version does not know of an object, told in another (R-21)."""

from __future__ import annotations

import msgspec
import pytest

from elstrada.ocpi.body import Object, plain
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.surplus import MOST, carried


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    kind: str
    id: str | None = None


class Old(msgspec.Struct, frozen=True):
    name: str
    place: Part | None = None
    parts: tuple[Part, ...] = ()


class New(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    parts: tuple[Part, ...] = ()
    added: int | None = None


def _told(document: Object, new: New) -> tuple[object, list[str]]:
    found = carried(document, Old, Translated(new))
    value = plain(found.value) if isinstance(found.value, msgspec.Struct) else found.value
    return value, [loss.pointer for loss in found.losses]


def test_r21_without_unknown_fields_the_struct_itself_is_told_with_its_losses():
    new, losses = New("a"), (Loss("/place", "gone"),)
    assert carried({"name": "a"}, Old, Translated(new, losses)) == Translated(new, losses)


def test_r21_entries_are_found_by_id_whichever_were_left_out():
    document: Object = {
        "name": "a",
        "parts": [{"kind": "k", "id": "1", "x": 1}, {"kind": "k", "id": "B", "x": 2}],
    }
    value, lost = _told(document, New("a", (Part("k", "b"),)))
    assert value == {"name": "a", "parts": [{"x": 2, "kind": "k", "id": "b"}]}
    assert lost == ["/parts/*"]


@pytest.mark.parametrize(
    ("kept", "expected", "lost"),
    [
        (("k", "l"), [{"kind": "k"}, {"x": 1, "kind": "l"}], []),
        (("l",), [{"kind": "l"}], ["/parts/*"]),
    ],
)
def test_r21_entries_without_names_are_told_apart_by_place_if_none_was_left_out(
    kept: tuple[str, ...], expected: list[Object], lost: list[str]
):
    document: Object = {"name": "a", "parts": [{"kind": "k"}, {"kind": "l", "x": 1}]}
    value, gone = _told(document, New("a", tuple(map(Part, kept))))
    assert (value, gone) == ({"name": "a", "parts": expected}, lost)


def test_r21_what_has_no_place_in_the_other_version_is_a_loss():
    document: Object = {"name": "a", "place": {"kind": "k", "x": 1}, "y": 2}
    assert _told(document, New("a")) == ({"y": 2, "name": "a"}, ["/place"])


def test_r21_a_field_that_the_other_version_says_is_not_overlaid_and_one_it_knows_must_fit():
    new = New("a", added=1)
    assert _told({"name": "a", "added": 9}, new) == ({"name": "a", "added": 1}, [])
    assert _told({"name": "a", "added": 9}, New("a")) == ({"name": "a", "added": 9}, [])
    assert _told({"name": "a", "added": "x", "y": 1}, New("a")) == ({"name": "a"}, [""])


def test_r21_more_than_is_sane_is_a_loss():
    assert _told({"name": "a", "x": "y" * MOST}, New("a")) == ({"name": "a"}, [""])
