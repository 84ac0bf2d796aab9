"""One release runs beside the next: what the last one says still works, and no revision takes anything away from it.

The rule: a revision adds. What nobody uses any more goes one release later, in a revision that says so with a constant
`COMPATIBLE`, a sentence on why no process of the release before notices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory

from flows.registry import migration_folders
from runstore import migrations
from tests.migration.previous_release import listening, play

FOLDERS = migration_folders()

TAKES_AWAY = {
    r"\bDROP (TABLE|COLUMN|VIEW|FUNCTION|TYPE|SCHEMA|ROLE)\b": "drops what the release before may use",
    r"\bRENAME\b": "renames what the release before calls by its old name",
    r"\bSET NOT NULL\b": "refuses the NULLs that the release before writes",
    r"\bALTER COLUMN \S+ (SET DATA )?TYPE\b": "changes the type that the release before writes",
    r"\bDROP DEFAULT\b": "asks for a value that the release before leaves out",
    r"\bREVOKE\b": "takes away what the release before may do",
}


def offences(statements: Sequence[str]) -> Iterator[str]:
    """What in one revision's statements the release before would notice."""
    made = {name.lower() for one in statements for name in re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", one)}
    for one in statements:
        said = " ".join(one.split())
        for pattern, meaning in TAKES_AWAY.items():
            if re.search(pattern, said, re.IGNORECASE):
                yield f"{meaning}: {said[:100]}"
        changed = re.match(r"ALTER TABLE (?:ONLY )?(\w+) ADD (.*)", said, re.IGNORECASE)
        unique = re.match(r"CREATE UNIQUE INDEX .*? ON (\w+)", said, re.IGNORECASE)
        if changed and changed[1].lower() not in made:
            added = changed[2].upper()
            if added.startswith("CONSTRAINT"):
                yield f"holds the release before to a new constraint: {said[:100]}"
            elif "NOT NULL" in added and "DEFAULT" not in added and "GENERATED" not in added:
                yield f"asks for a value that the release before leaves out: {said[:100]}"
        if unique and unique[1].lower() not in made:
            yield f"holds the release before to a new constraint: {said[:100]}"


@pytest.fixture(scope="module")
def revisions(new_database: Callable[..., str]) -> dict[str, list[str]]:
    """What each revision says to the database, by its name."""
    heard: list[tuple[str, Any]] = []
    with listening(heard):
        migrations.upgrade(new_database(), FOLDERS)
    found: dict[str, list[str]] = {}
    said: list[str] = []
    for statement, parameters in heard:
        if re.match(r"\s*(INSERT INTO|UPDATE|DELETE FROM) alembic_version", statement):
            name = re.search(r"(?:VALUES \(|version_num=)'([^']+)'", statement)
            assert name is not None or "DELETE" in statement, (statement, parameters)
            if name is not None:
                found[name[1]] = said
            said = []
        else:
            said.append(statement)
    return found


def test_every_revision_is_looked_at(revisions: dict[str, list[str]]) -> None:
    script = ScriptDirectory.from_config(migrations.configuration("", FOLDERS))
    assert {revision.revision for revision in script.walk_revisions()} == revisions.keys()


def test_revisions_add_and_take_nothing_away(revisions: dict[str, list[str]]) -> None:
    script = ScriptDirectory.from_config(migrations.configuration("", FOLDERS))
    found = {name: list(offences(said)) for name, said in revisions.items()}
    for name, problems in found.items():
        excuse = getattr(script.get_revision(name).module, "COMPATIBLE", None)
        assert not problems or (isinstance(excuse, str) and excuse.endswith(".")), (name, problems)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE runs",
        "ALTER TABLE runs DROP COLUMN total",
        "ALTER TABLE runs RENAME total TO sum",
        "ALTER TABLE runs ALTER COLUMN total SET NOT NULL",
        "ALTER TABLE runs ALTER COLUMN total TYPE BIGINT",
        "ALTER TABLE runs ADD COLUMN mood TEXT NOT NULL",
        "ALTER TABLE runs ADD CONSTRAINT few CHECK (total < 9)",
        "CREATE UNIQUE INDEX one ON runs (total)",
        "REVOKE INSERT ON runs FROM worker",
    ],
)
def test_what_the_release_before_would_notice_is_found(statement: str) -> None:
    assert len(list(offences([statement]))) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE runs ADD COLUMN mood TEXT",
        "ALTER TABLE runs ADD COLUMN mood TEXT DEFAULT 'fine' NOT NULL",
        "CREATE INDEX quick ON runs (total)",
        "DROP INDEX quick",
        "CREATE TABLE moods (id UUID NOT NULL, CONSTRAINT pk_moods PRIMARY KEY (id))",
    ],
)
def test_what_it_would_not_notice_is_allowed(statement: str) -> None:
    assert list(offences([statement])) == []


def test_what_the_last_release_says_still_works(new_database: Callable[..., str]) -> None:
    url = new_database()
    migrations.upgrade(url, FOLDERS)
    assert play(url) > 50
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT status, attempt, failed FROM operation_runs ORDER BY created_at").fetchall()
    assert found == [("aborted", 3, 0), ("running", 1, 0)]


def test_the_folders_of_revisions_are_all_there(repository: Path) -> None:
    assert len(FOLDERS) == len(list((repository / "flows").glob("*/migrations")))
