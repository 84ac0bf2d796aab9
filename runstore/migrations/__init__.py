"""Schema changes of the store, run by alembic configured from code.

The core's revisions are the branch `runstore`; a producer brings its own folder of revisions as a branch of its own that depends
on the core's, so that adding a producer edits nothing here.
"""

import logging
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import to_tuple
from sqlalchemy import create_engine, pool, text

from runstore.database import DatabaseRole, sqlalchemy_url, translated_errors
from runstore.errors import SchemaMismatchError

_log = logging.getLogger("runstore.migrations")

CORE = Path(__file__).parent / "versions"


def configuration(url: str, producers: Sequence[Path] = ()) -> Config:
    """The alembic configuration for a database and the producers' folders of revisions; one that cannot be read is left out."""
    return _configuration(url, _readable(tuple(producers)))


def _revisions(producers: Sequence[Path]) -> dict[str, Script]:
    script = ScriptDirectory.from_config(configuration("", producers))
    return {revision.revision: revision for revision in script.walk_revisions()}


def _configuration(url: str, producers: Sequence[Path]) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(path) for path in (CORE, *producers)))
    config.attributes["url"] = url
    return config


@cache
def _readable(producers: tuple[Path, ...]) -> Sequence[Path]:
    if _can_be_read(producers) is None:
        return producers
    kept: list[Path] = []
    for folder in producers:
        problem = _can_be_read((*kept, folder))
        if problem is None:
            kept.append(folder)
        else:
            # Not the exception's own text: it may hold anything.
            _log.error("flows/%s/migrations is left out: %s.", folder.parent.name, type(problem).__name__)
    return kept


def _can_be_read(producers: Sequence[Path]) -> Exception | SystemExit | None:
    try:
        with warnings.catch_warnings():
            # Of two revisions with one name alembic warns, and then takes the second.
            warnings.simplefilter("error")
            list(ScriptDirectory.from_config(_configuration("", producers)).walk_revisions())
    except (Exception, SystemExit) as problem:
        return problem
    return None


def upgrade(url: str, producers: Sequence[Path] = ()) -> None:
    """Brings the schema to the newest revision of every branch, a transaction each; machines take turns.

    A schema with revisions this version does not know stays as it is: a release that is rolled back upgrades at its
    start, too. SchemaMismatchError when it lacks others at the same time.
    """
    if strangers := unknown(url, producers):
        if lacking := missing(url, producers):
            raise SchemaMismatchError(
                f"The schema lacks {', '.join(sorted(lacking))} and holds {', '.join(sorted(strangers))}, of a producer that is "
                "not installed here: upgrade where it is installed."
            )
        return
    with translated_errors():
        command.upgrade(configuration(url, producers), "heads")
        engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool)
        with engine.begin() as connection:
            # Every process asks at its start what the schema is at, and its login may own nothing.
            connection.execute(text(f"GRANT SELECT ON alembic_version TO {', '.join(DatabaseRole)}"))


def missing(url: str, producers: Sequence[Path] = ()) -> frozenset[str]:
    """The revisions this version of the code knows and the database lacks; none when it is as new, or newer.

    One that this version does not know was made by a newer one, which upgrades all or nothing; or by a producer that is
    not installed here, where a known branch has gone on from what the database has of it.
    """
    lacking = _revisions(producers)
    present = list(found(url))
    known = [lacking[revision] for revision in present if revision in lacking]
    if len(known) < len(present) and not any(revision.nextrev for revision in known):
        return frozenset()
    while present:
        # The version table names heads only, and leaves out one that another head depends on.
        revision = lacking.pop(present.pop(), None)
        if revision is not None:
            present += [*to_tuple(revision.down_revision, ()), *to_tuple(revision.dependencies, ())]
    return frozenset(lacking)


def unknown(url: str, producers: Sequence[Path] = ()) -> frozenset[str]:
    """The database's heads that this version does not know: a newer one made them, or a producer that is not installed here."""
    return found(url) - _revisions(producers).keys()


def verify_schema(url: str, producers: Sequence[Path] = ()) -> None:
    """SchemaMismatchError when the schema lacks a revision of this version; more of them are safe."""
    if lacking := missing(url, producers):
        present = found(url)
        state = f"is at revision {', '.join(sorted(present))}" if present else "is empty"
        raise SchemaMismatchError(
            f"The run store's schema {state}, and this version needs {', '.join(sorted(lacking))}: run `tenantatlas db upgrade`."
        )


def found(url: str) -> frozenset[str]:
    """The heads the database is at; none when it was never migrated. StoreUnavailableError when it is not reachable."""
    engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool, connect_args={"connect_timeout": 5})
    with translated_errors(), engine.connect() as connection:
        return frozenset(MigrationContext.configure(connection).get_current_heads())
