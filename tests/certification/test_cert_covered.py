"""Every certification case is shown by a test, or it is said why not."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cert_open import EXEMPT, NOT_YET
from ids import CASES

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tools"))

from certification_page import shown_in

SHOWN = shown_in(Path(__file__).parent)


def test_the_cases_are_those_of_the_official_lists():
    """Part 5 counts 189 mandatory cases of 2.0.1, and 32 that are conditional only; 1.6 has 77."""
    ids = [case.id for case in CASES]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"TC_([A-P]_\d\d|\d{3}(_\d)?)_CSMS", one) for one in ids)
    mandatory = [
        case
        for case in CASES
        if case.version == "2.0.1"
        and any(not profile.endswith(" if declared") for profile in case.profiles.split("; "))
    ]
    versions = [case.version for case in CASES]
    assert (len(mandatory), versions.count("2.0.1"), versions.count("1.6")) == (189, 221, 77)


def test_each_case_is_shown_or_it_is_said_why_not():
    listed = {case.id for case in CASES}
    told = [*SHOWN, *NOT_YET, *EXEMPT]
    assert sorted(told) == sorted(listed), set(told) ^ listed


def test_what_is_said_of_a_case_is_a_reason():
    for reason in (*NOT_YET.values(), *EXEMPT.values()):
        assert 20 < len(reason) < 160
        assert "\n" not in reason


def test_a_mark_of_a_case_is_found_wherever_it_stands(tmp_path: Path):
    (tmp_path / "test_cert_x.py").write_text(
        '@case("TC_X_01_CSMS", "TC_X_02_CSMS")\n'
        '@pytest.mark.parametrize("n", [pytest.param(1, marks=case("TC_X_03_CSMS")), 2])\n'
        "async def test_one(): ...\n"
        "# case('TC_X_04_CSMS')\n"
        'def helper(): case("TC_X_05_CSMS")\n'
        '@case("TC_X_01_CSMS")\n'
        "def test_two(): ...\n"
    )
    assert shown_in(tmp_path) == {
        "TC_X_01_CSMS": ["test_cert_x.py::test_one", "test_cert_x.py::test_two"],
        "TC_X_02_CSMS": ["test_cert_x.py::test_one"],
        "TC_X_03_CSMS": ["test_cert_x.py::test_one"],
    }
