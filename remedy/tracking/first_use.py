"""The first use of a database: its tables are made once, however many processes begin with it at the same moment.

MLflow makes the tables of an empty database one after the other and looks at nothing meanwhile: of eight first uses at
once seven fail with "duplicate column name".
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import mlflow
import sqlalchemy

LOCK = 7_303_014
"""Number of PostgreSQL's advisory lock around a first use; any number that nobody else takes."""


def make_tables(uri: str, seconds: int) -> None:
    """Make MLflow's tables in a database that has none; connect once with any other.

    Args:
        uri: Of a database, as SQLAlchemy spells it.
        seconds: To wait for a server.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: It cannot be opened.

    Example:
        >>> make_tables("sqlite:////tmp/mlflow.db", seconds=5)
    """
    kind = uri.partition("://")[0].partition("+")[0]
    if kind == "sqlite":
        _in_a_file(uri, sqlalchemy.make_url(uri).database)
    # The driver of mssql calls it otherwise; a file has no server to wait for.
    limit = {} if kind in ("mssql", "sqlite") else {"connect_timeout": seconds}
    engine = sqlalchemy.create_engine(uri, connect_args=limit, poolclass=sqlalchemy.NullPool)
    with engine.connect() as line:
        if kind == "postgresql" and not sqlalchemy.inspect(line).get_table_names():
            line.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({LOCK})"))  # Until the connection is closed.
            if not sqlalchemy.inspect(line).get_table_names():
                _begin(uri)


def _in_a_file(uri: str, file: str | None) -> None:
    """Make a database in a file of its own and give it the name, unless another process was quicker."""
    if not file or file == ":memory:" or "?" in uri:
        return
    path = Path(file)
    if path.exists() or not path.parent.is_dir():
        return
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        made = Path(folder) / path.name
        _begin(f"sqlite:///{made}")
        try:
            os.link(made, path)  # Unlike a renaming it fails where the name is taken.
        except FileExistsError:
            return
        except OSError:  # A file system without links.
            if not path.exists():
                os.replace(made, path)


def _begin(uri: str) -> None:
    """Let MLflow make the tables; every release does so when it is asked the first time."""
    mlflow.MlflowClient(uri).search_experiments(max_results=1)
