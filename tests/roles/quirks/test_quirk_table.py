"""The table of quirks: that ours holds what it promises, and what is wrong with an installation's own is said."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.model.admission import Make
from elstrada.model.quirk import QuirkTable
from elstrada.ocpp.faults import Fault
from elstrada.roles.quirks.deviations import is_unexplained
from elstrada.roles.quirks.table import load_quirks, ours

TESTS = Path(__file__).parents[2]
ROW = """
[[quirk]]
name = "mine"
vendor = "ACME"
reason = "tells kWh as Wh"
sources = ["https://acme.example/errata"]
does = { repairs = ["kwh-as-wh"] }
"""


def test_every_row_of_ours_names_a_test_that_there_is_and_that_knows_the_row() -> None:
    text = {path: path.read_text() for path in TESTS.rglob("test_*quirks.py")}
    functions = {
        node.name
        for source in text.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert ours().rows
    for row in ours().rows:
        assert row.test in functions, f"{row.name} names {row.test!r}"
        assert row.does.words(), f"{row.name} does nothing"


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (
            Make("ABB", "CDT_TACW11::NET_WIFI", "TAC3Z9119006710273::V1.8.21"),
            "abb-terra-ac-all-keys abb-terra-ac-levels",
        ),
        (Make("ABB", "CDT_TACW11::NET_WIFI", "TAC3Z9119006710273::V1.8.32"), "abb-terra-ac-levels"),
        (Make("ABB", "Terra 184"), ""),
        (Make("go-e", "go-eCharger_V4", "055.5"), "go-e-trigger-meter-values"),
        (Make("go-e", "go-eCharger_V4", "055.6"), ""),
        (Make("go-e", "go-eCharger_V4", "055.50"), ""),
        (Make("OpenEVSE", "Advanced Series", "4.2.2"), "openevse-kwh openevse-number-values"),
        (Make("OpenEVSE", "Advanced Series", "4.2.20"), "openevse-number-values"),
        (Make("OpenEVSE", "Advanced Series"), "openevse-number-values"),
        (Make("", "ACChargePoint"), "huawei-lone-meter-value"),
        (Make("", "Other"), ""),
        (Make("growatt", "thor_22as"), "growatt-local-time growatt-repeated-begin"),
        (Make("Elstrada", "Virtual"), ""),
    ],
    ids=str,
)
def test_a_make_has_the_quirks_of_its_vendor_model_and_firmware(make: Make, names: str) -> None:
    assert sorted(one.name for one in ours().of(make, {})) == names.split()


def test_what_an_operator_said_goes_before_the_make() -> None:
    make = Make("Growatt", "THOR_22AS")
    said = {"growatt-local-time": False, "openevse-kwh": True, "gone-meanwhile": True}
    assert {one.name for one in ours().of(make, said)} == {"growatt-repeated-begin", "openevse-kwh"}
    assert [one.name for one in ours().of(None, said)] == ["openevse-kwh"]


def test_rows_of_an_installation_come_beside_ours_and_stand_for_those_of_the_same_name(
    tmp_path: Path,
) -> None:
    path = tmp_path / "quirks.toml"
    path.write_text(
        ROW
        + """
[[quirk]]
name = "growatt-repeated-begin"
vendor = "Growatt"
reason = "is right since our maker's fix"
sources = ["https://growatt.example/fix"]
"""
    )
    table = load_quirks(path)
    assert [one.name for one in table.of(Make("ACME", "1"), {})] == ["mine"]
    assert [one.name for one in table.of(Make("Growatt", "THOR"), {})] == ["growatt-local-time"]
    assert len(table.rows) == len(ours().rows) + 1
    assert load_quirks(None) == ours()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[quirk]", "holds no table of quirks"),
        (ROW.replace("vendor", "maker"), "unknown field `maker`"),
        (ROW.replace('reason = "tells kWh as Wh"\n', ""), "`reason`"),
        (ROW.replace("kwh-as-wh", "magic"), "'magic'"),
        (ROW.replace('"ACME"', '"ACME("'), "row 1, 'mine': vendor is no pattern"),
        (ROW.replace('"ACME"', '""'), "row 1, 'mine': vendor is empty"),
        (ROW.replace('"mine"', '"My Row"'), "row 1, 'My Row': a name is of lower-case words"),
        (ROW.replace("https://acme.example/errata", "hearsay"), "row 1, 'mine': source 'hearsay' is no URL"),
        (ROW.replace('"https://acme.example/errata"', ""), "row 1, 'mine': sources is empty"),
        (ROW.replace('repairs = ["kwh-as-wh"]', "most_keys = 0"), "row 1, 'mine': most_keys is below 1"),
        (ROW + ROW, "row 2, 'mine': the name stands twice"),
    ],
    ids=range(11),
)
def test_a_file_that_cannot_be_used_is_refused_with_the_row_and_why(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "quirks.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match="quirks") as refused:
        load_quirks(path)
    assert says in str(refused.value)


@given(st.text(max_size=300), st.text(max_size=300), st.none() | st.text(max_size=300))
def test_no_name_of_a_station_raises(vendor: str, model: str, firmware: str | None) -> None:
    ours().of(Make(vendor, model, firmware), {})


def test_a_table_without_rows_knows_nothing() -> None:
    assert QuirkTable().of(Make("ABB", "TAC"), {"openevse-kwh": True}) == ()


@pytest.mark.parametrize(
    ("code", "unexplained"),
    [
        ("enum", True),
        ("clock", True),
        (Fault.RPC_FRAMEWORK_ERROR.value, True),
        (Fault.NOT_SUPPORTED.value, False),
        ("quirk growatt-local-time", False),
        ("wrong password", False),
        ("late answer", False),
    ],
)
def test_only_what_its_software_did_is_a_deviation(code: str, unexplained: bool) -> None:
    assert is_unexplained(code) is unexplained
