"""The schema of a store that is a database: MLflow would migrate that of an older version unasked."""

from __future__ import annotations

import shlex
from functools import cache
from importlib.metadata import version
from importlib.resources import files

from star.errors import TrackingError


@cache
def check_schema(address: str, shown: str, file: str | None) -> None:
    """Refuse a database that another version of MLflow has made; an empty one is fine.

    Args:
        address: as SQLAlchemy reads it.
        shown: the address for messages.
        file: of an SQLite store, for the command that copies it.

    Raises:
        TrackingError: says how to keep a copy and migrate it.
    """
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import NullPool, create_engine

    with create_engine(address, poolclass=NullPool).connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        return
    newest, *older = _revisions()
    if revision == newest:
        return
    mlflow = f"MLflow {version('mlflow')}"
    if revision not in older:
        raise TrackingError(
            f"the tracking store {shown} was made by a newer MLflow than {mlflow} (its schema is {revision}): nothing "
            "was changed; choose another store with tracker.uri=sqlite:///<file>, or use the newer MLflow's own server"
        )
    copy = f"cp {shlex.quote(file)} {shlex.quote(file + '.before')} && " if file else ""
    place = "sqlite:///" + file.replace("%", "%25").replace("?", "%3F") if file else shown
    raise TrackingError(
        f"the tracking store {shown} was made by an older MLflow (its schema is {revision}, that of {mlflow} is "
        f"{newest}): nothing was changed. To go on with it, keep a copy and migrate it, after which older versions "
        f"cannot open it: {copy}mlflow db upgrade {shlex.quote(place)}. Or choose another store with "
        "tracker.uri=sqlite:///<file>"
    )


@cache
def _revisions() -> list[str]:
    """Those the installed MLflow knows, the newest first; reading them takes half a second."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(files("mlflow.store") / "db_migrations"))
    return [script.revision for script in scripts.walk_revisions()]
