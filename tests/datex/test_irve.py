"""The French register: every row is taken over or rejected, and every oddity is told."""

from __future__ import annotations

import csv
import gzip
import io
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.datex.defects import Severity, tally
from elstrada.datex.irve import Imported, Unreadable, import_irve
from elstrada.model.ids import PartyId
from elstrada.model.location import GeoLocation

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REAL = Path(__file__).parents[3] / "shared" / "data" / "locations" / "fr_irve_statique_29109.jsonl.gz"

ROW: dict[str, object] = {
    "nom_amenageur": "Commune de Rennes",
    "nom_operateur": "Bornes Rennaises",
    "telephone_operateur": "tel:+33-2-99-11-22-33",
    "id_station_itinerance": "FRABCPRENNES1",
    "nom_station": "Place de la Mairie",
    "implantation_station": "Voirie",
    "adresse_station": "1 place de la Mairie, 35000 Rennes, France",
    "code_insee_commune": "35238",
    "coordonneesXY": "[-1.679934, 48.111339]",
    "nbre_pdc": "1",
    "id_pdc_itinerance": "FRABCERENNES11",
    "puissance_nominale": "22.0",
    "prise_type_ef": "False",
    "prise_type_2": "True",
    "prise_type_combo_ccs": "False",
    "prise_type_chademo": "False",
    "prise_type_autre": "False",
    "tarification": None,
    "reservation": "False",
    "horaires": "24/7",
    "accessibilite_pmr": "Réservé PMR",
    "date_maj": "2025-07-19",
    "cable_t2_attache": "False",
}


def lines(*rows: dict[str, object]) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


def read(*rows: dict[str, object]) -> Imported:
    return import_irve(lines(*rows), NOW)


def test_a_sound_row_becomes_one_location_with_one_evse_and_no_defect() -> None:
    found = read(ROW)
    assert found.defects == ()
    (location,) = found.locations
    assert (location.party, location.id) == (PartyId("FR", "ABC"), "FRABCPRENNES1")
    assert (location.city, location.postal_code, location.country) == ("Rennes", "35000", "FRA")
    assert location.coordinates == GeoLocation(latitude="48.111339", longitude="-1.679934")
    assert (location.time_zone, location.help_phone) == ("Europe/Paris", "+33299112233")
    (evse,) = location.evses
    assert (evse.uid, evse.parking_restrictions) == ("FRABCERENNES11", ("DISABLED",))
    (connector,) = evse.connectors
    assert (connector.standard, connector.format, connector.power_type) == (
        "IEC_62196_T2",
        "SOCKET",
        "AC_3_PHASE",
    )
    assert (connector.max_voltage, connector.max_amperage, connector.max_electric_power) == (230, 32, 22_000)


DEFECTS: list[tuple[dict[str, object], str, Severity, str]] = [
    ({"puissance_nominale": "7590"}, "Q-01", Severity.MENDED, "taken as 7590 W"),
    ({"puissance_nominale": "150"}, "Q-02", Severity.DOUBTFUL, "the power is left out"),
    ({"puissance_nominale": None}, "Q-03", Severity.DOUBTFUL, "the power is left out"),
    ({"puissance_nominale": "NaN"}, "Q-03", Severity.DOUBTFUL, "the power is left out"),
    ({"puissance_nominale": "-22"}, "Q-03", Severity.DOUBTFUL, "the power is left out"),
    ({"coordonneesXY": "[0, 0]"}, "Q-04", Severity.REJECTED, "not taken over"),
    ({"coordonneesXY": "near the church"}, "Q-04", Severity.REJECTED, "[longitude, latitude]"),
    ({"coordonneesXY": "[18.0686, 59.3293]"}, "Q-04", Severity.REJECTED, "not taken over"),
    ({"coordonneesXY": "[48.111339, -1.679934]"}, "Q-04", Severity.MENDED, "taken as latitude 48.111339"),
    ({"code_insee_commune": "97411"}, "Q-04", Severity.DOUBTFUL, "taken to be in FRA"),
    ({"id_pdc_itinerance": "Non concerné"}, "I-02", Severity.REJECTED, "expected like FRXXXE12345"),
    ({"id_pdc_itinerance": "DEABCE1"}, "I-02", Severity.REJECTED, "expected like FRXXXE12345"),
    ({"id_station_itinerance": "FRABCE1"}, "I-02", Severity.REJECTED, "expected like FRXXXP12345"),
    ({"id_pdc_itinerance": "fr*abc*erennes11"}, "I-02", Severity.MENDED, "taken as FRABCERENNES11"),
    ({"id_pdc_itinerance": "FRXYZE1"}, "I-03", Severity.DOUBTFUL, "filed under the station's, FRABC"),
    ({"date_maj": "19/07/2025"}, "I-04", Severity.DOUBTFUL, "the time of the import"),
    ({"date_maj": "2031-01-01"}, "I-04", Severity.DOUBTFUL, "the time of the import"),
    ({"prise_type_2": "False"}, "I-05", Severity.REJECTED, "not taken over"),
    (
        {"prise_type_2": "False", "cable_t2_attache": "True"},
        "I-05",
        Severity.MENDED,
        "taken as a type 2 cable",
    ),
    ({"prise_type_2": "False", "prise_type_autre": "True"}, "I-06", Severity.DOUBTFUL, "standard OTHER"),
    ({"tarification": "0.36€"}, "I-07", Severity.DOUBTFUL, "not taken as a price"),
    ({"nbre_pdc": "4"}, "I-09", Severity.DOUBTFUL, "1 points"),
    ({"coordonneesXY": "[-1.68, 48.11]"}, "I-10", Severity.DOUBTFUL, "a kilometre wrong"),
    ({"adresse_station": " "}, "I-11", Severity.MENDED, "taken as Place de la Mairie"),
    ({"adresse_station": "1 place de la Mairie"}, "I-12", Severity.MENDED, "taken as Rennes"),
    (
        {"adresse_station": "1 rue du Port", "code_insee_commune": "35288"},
        "I-12",
        Severity.DOUBTFUL,
        "commune 35288",
    ),
    ({"horaires": "le matin"}, "I-13", Severity.DOUBTFUL, "left out"),
    ({"horaires": "Mo 00:00-00:01"}, "I-14", Severity.DOUBTFUL, "taken over"),
    ({"telephone_operateur": "tel:+33-1-00-00-00-00"}, "I-15", Severity.DOUBTFUL, "left out"),
]


@pytest.mark.parametrize(("change", "code", "severity", "done"), DEFECTS)
def test_each_defect_is_told_with_its_code_row_field_value_and_what_was_done(
    change: dict[str, object], code: str, severity: Severity, done: str
) -> None:
    found = read(
        ROW, {**ROW, "id_station_itinerance": "FRABCPRENNES2", "id_pdc_itinerance": "FRABCE2"} | change
    )
    told = [defect for defect in found.defects if (defect.code, defect.severity) == (code, severity)]
    (defect,) = told
    assert defect.row == 2
    assert done in defect.done
    assert defect.field in ROW
    rejected = severity is Severity.REJECTED
    assert (found.rows, found.points, found.rejected) == (2, 1, 1) if rejected else (2, 2, 0)


def test_the_newer_of_two_rows_with_one_id_stays_whichever_comes_first() -> None:
    """Q-12: only the date tells the retired copy."""
    old = {**ROW, "date_maj": "2024-01-01", "puissance_nominale": "7.0"}
    for rows, loser in (([old, ROW], 1), ([ROW, old], 2)):
        found = read(*rows)
        assert (found.rows, found.points, found.rejected) == (2, 1, 1)
        (defect,) = found.defects
        assert (defect.code, defect.row) == ("Q-12", loser)
        assert found.locations[0].evses[0].connectors[0].max_electric_power == 22_000


def test_points_of_one_station_make_one_location_and_a_straying_one_keeps_its_own_place() -> None:
    second = {**ROW, "id_pdc_itinerance": "FRABCERENNES12", "coordonneesXY": "[-1.679000, 48.112000]"}
    found = read({**ROW, "nbre_pdc": "2"}, {**second, "nbre_pdc": "2"})
    (location,) = found.locations
    assert [evse.uid for evse in location.evses] == ["FRABCERENNES11", "FRABCERENNES12"]
    assert location.evses[1].coordinates == GeoLocation("48.112000", "-1.679000")
    assert [defect.code for defect in found.defects] == ["I-08"]


def test_a_power_that_only_the_dc_plug_can_give_is_not_said_of_the_ac_plug() -> None:
    found = read({**ROW, "prise_type_combo_ccs": "True", "puissance_nominale": "150"})
    assert found.defects == ()
    ac, dc = found.locations[0].evses[0].connectors
    assert (ac.power_type, ac.max_electric_power, ac.max_amperage) == ("AC_3_PHASE", None, 32)
    assert (dc.power_type, dc.max_electric_power, dc.format) == ("DC", 150_000, "CABLE")


@pytest.mark.parametrize(
    ("power", "power_type", "amps"),
    [
        ("3.7", "AC_1_PHASE", 16),
        ("7.4", "AC_1_PHASE", 32),
        ("11", "AC_3_PHASE", 16),
        ("43", "AC_3_PHASE", 63),
    ],
)
def test_current_and_phases_of_a_type_2_plug_follow_from_its_power(
    power: str, power_type: str, amps: int
) -> None:
    connector = read({**ROW, "puissance_nominale": power}).locations[0].evses[0].connectors[0]
    assert (connector.power_type, connector.max_amperage) == (power_type, amps)


def test_an_overseas_point_has_its_own_country_and_zone() -> None:
    found = read({**ROW, "code_insee_commune": "97411", "coordonneesXY": "[55.448137, -20.882057]"})
    assert found.defects == ()
    assert (found.locations[0].country, found.locations[0].time_zone) == ("REU", "Indian/Reunion")


def test_json_lines_gzip_csv_and_a_list_of_coordinates_read_the_same() -> None:
    table = io.StringIO()
    writer = csv.DictWriter(table, ROW, delimiter=";")
    writer.writeheader()
    writer.writerow(ROW)
    as_list = {**ROW, "coordonneesXY": [-1.679934, 48.111339], "puissance_nominale": 22.0}
    expected = read(ROW).locations
    for content in (
        gzip.compress(lines(ROW)),
        table.getvalue().encode(),
        b"\xef\xbb\xbf" + table.getvalue().encode(),
        lines(as_list),
    ):
        found = import_irve(content, NOW)
        assert (found.locations, found.defects) == (expected, ())


def test_lines_that_cannot_be_read_are_rejected_rows_and_blank_lines_are_none() -> None:
    content = b'{"half": \n\n' + lines(ROW) + b"\n[1]\n" + b'{"a": ' + b"[" * 5000 + b"\n"
    found = import_irve(content, NOW)
    assert (found.rows, found.points, found.rejected) == (4, 1, 3)
    assert [(defect.code, defect.row) for defect in found.defects] == [("I-01", 1), ("I-01", 4), ("I-01", 5)]
    assert all(len(defect.value) <= 80 for defect in found.defects)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no column id_pdc_itinerance"),
        (b"name,place\nA,B\n", "no column id_pdc_itinerance"),
        (b"\x1f\x8b broken", "gzip file is damaged"),
        (b"id_pdc_itinerance\xe9", "not UTF-8 at byte 17"),
    ],
)
def test_a_file_that_is_not_irve_is_refused_with_the_reason(content: bytes, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        import_irve(content, NOW)


_values = st.none() | st.text(max_size=30) | st.integers() | st.booleans() | st.sampled_from(["True", "24/7"])


@given(st.lists(st.dictionaries(st.sampled_from(sorted(ROW)), _values, max_size=5), max_size=6))
def test_every_row_is_a_point_or_a_rejection_that_is_explained(changes: list[dict[str, object]]) -> None:
    rows = [{**ROW, "id_pdc_itinerance": f"FRABCE{number}"} | change for number, change in enumerate(changes)]
    found = import_irve(lines(ROW, *rows), NOW)
    assert found.rows == len(rows) + 1 == found.points + found.rejected
    assert found.points == sum(len(location.evses) for location in found.locations)
    explained = {defect.row for defect in found.defects if defect.severity is Severity.REJECTED}
    assert len(explained) == found.rejected


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(content: bytes) -> None:
    for start in (b"", b"{", b"id_pdc_itinerance,id_station_itinerance\n", b"\x1f\x8b"):
        try:
            found = import_irve(start + content, NOW)
        except Unreadable:
            continue
        assert found.rows == found.points + found.rejected


def test_the_real_register_is_read_whole_with_every_rejection_explained() -> None:
    if not REAL.exists():
        pytest.skip(f"no real register at {REAL}")
    started = time.process_time()
    found = import_irve(REAL.read_bytes(), NOW)
    assert time.process_time() - started < 15  # Of the processor: other work on the machine does not count.
    assert (found.rows, found.points, found.rejected) == (29_109, 28_849, 260)
    assert len(found.locations) == 5_548
    rejections = [line for line in tally(found.defects) if line.severity is Severity.REJECTED]
    assert [(line.code, line.count) for line in rejections] == [("I-05", 260)]
    assert sum(len(location.evses) for location in found.locations) == found.points
