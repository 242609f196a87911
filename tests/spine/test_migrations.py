"""The migrations make the tables that the code names, whole or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from elstrada.spine import migrate as subject
from elstrada.spine.migrate import migrate
from elstrada.spine.tables import metadata


def test_models_and_migrations_do_not_differ(tmp_path: Path) -> None:
    migrate(tmp_path / "new.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'new.db'}", poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    database = tmp_path / "twice.db"
    migrate(database)
    before = _schema(database)
    migrate(database)
    assert _schema(database) == before


def test_a_migration_that_breaks_off_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F23: run again, it completes."""
    upgrade = subject.upgrade

    def breaks_off(connection: object, revision: str) -> None:
        upgrade(connection, revision)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    database = tmp_path / "broken.db"
    monkeypatch.setattr(subject, "upgrade", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        migrate(database)
    assert _schema(database) == []
    monkeypatch.setattr(subject, "upgrade", upgrade)
    migrate(database)
    assert ("log",) in _schema(database)


def test_identities_are_kept_under_the_party_that_gave_out_the_uid(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}", poolclass=NullPool)
    document = '{"party":{"country_code":"SE","party_id":"RET"},"uid":"04AA","type":"RFID","contract_id":"C"}'
    with engine.begin() as connection:
        subject.upgrade(connection, "0017")
        row = ("SE*ELS", "ref", document)
        connection.exec_driver_sql("INSERT INTO identity (owner, ref, document) VALUES (?, ?, ?)", row)
        subject.upgrade(connection)
        assert connection.exec_driver_sql("SELECT owner, ref, party, document FROM identity").all() == [
            ("SE*ELS", "ref", "SE*RET", document)
        ]


def test_what_a_cdr_gives_back_is_read_from_those_there_are(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}", poolclass=NullPool)
    rows = [
        ("SE*ELS", "SE*ELS", "C1", '{"id":"C1"}'),
        ("SE*ELS", "SE*ELS", "K1", '{"id":"K1","credit":true,"credit_reference_id":"C1"}'),
    ]
    with engine.begin() as connection:
        subject.upgrade(connection, "0022")
        for row in rows:
            connection.exec_driver_sql(
                "INSERT INTO cdr (owner, party, cdr_id, document) VALUES (?, ?, ?, ?)", row
            )
        subject.upgrade(connection)
        found = connection.exec_driver_sql("SELECT cdr_id, credits FROM cdr ORDER BY cdr_id").all()
        assert found == [("C1", None), ("K1", "C1")]


def _schema(database: Path) -> list[tuple[str]]:
    connection = sqlite3.connect(database)
    names = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return names


def test_what_there_is_is_found_by_its_id_in_any_case(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}", poolclass=NullPool)
    with engine.begin() as connection:
        subject.upgrade(connection, "0035")
        connection.exec_driver_sql(
            "INSERT INTO tariff (owner, party, tariff_id, document, last_updated) VALUES (?, ?, ?, ?, ?)",
            ("SE*ELS", "SE*CPO", "Day-1", "{}", 0),
        )
        subject.upgrade(connection)
        assert connection.exec_driver_sql("SELECT tariff_id, id_key FROM tariff").all() == [
            ("Day-1", "DAY-1")
        ]
