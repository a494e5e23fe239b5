"""The histories of metrics as a store holds them: read at once, and later only what is new."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.utils.search_utils import SearchUtils

from remedy.tracking.internals import last_points, store

PAGE = 25_000
"""Points of a metric that one request asks for; a server gives no more."""

LARGEST = 1.797e308
"""A database keeps an infinite value as the largest float; nothing else is that large."""


@dataclass(frozen=True)
class Points:
    """All that was logged of one metric, in the order of logging.

    Attributes:
        steps: Steps, shape (n,).
        times: Milliseconds since 1970, shape (n,).
        values: Values, shape (n,); infinite ones restored.
    """

    steps: np.ndarray
    times: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)


def read_points(run_id: str, keys: Iterable[str]) -> dict[str, Points]:
    """Return the whole histories of metrics.

    A database is asked for rows at once: MLflow's client makes two objects of every point and takes ten times as long.
    """
    wanted = list(keys)
    tracking_store = store()
    if not hasattr(tracking_store, "ManagedSessionMaker"):
        return {key: _points(mlflow.MlflowClient().get_metric_history(run_id, key)) for key in wanted}
    from mlflow.store.tracking.dbmodels.models import SqlMetric
    from sqlalchemy import select

    found = {}
    with tracking_store.ManagedSessionMaker() as session:
        columns = select(SqlMetric.step, SqlMetric.timestamp, SqlMetric.value, SqlMetric.is_nan)
        for key in wanted:
            rows = columns.where(SqlMetric.run_uuid == run_id, SqlMetric.key == key)
            rows = rows.order_by(SqlMetric.timestamp, SqlMetric.step, SqlMetric.value)
            table = np.array([tuple(row) for row in session.execute(rows)], dtype=float).reshape(-1, 4)
            values = np.where(table[:, 3] > 0, np.nan, table[:, 2])
            found[key] = _columns(table[:, 0], table[:, 1], values)
    return found


def newer_points(run_id: str, key: str, known: Points) -> Points:
    """Return a metric's history, of which only what was logged since is read.

    Stores give histories in the order of time, a page from any point on; where one does otherwise, all is read again.
    """
    if not len(known):
        return read_points(run_id, [key])[key]
    last = known.times[-1]
    kept = int(np.searchsorted(known.times, last))
    token = SearchUtils.create_page_token(kept)
    tracking_store = store()
    if tracking_store is None:
        return read_points(run_id, [key])[key]
    try:
        page = tracking_store.get_metric_history(run_id, key, max_results=PAGE, page_token=token)
    except MlflowException:  # A store without pages; one that is down says so below.
        return read_points(run_id, [key])[key]
    if page.token or not page or page[0].timestamp != last:
        return read_points(run_id, [key])[key]
    new = _points(page)
    return Points(
        np.concatenate([known.steps[:kept], new.steps]),
        np.concatenate([known.times[:kept], new.times]),
        np.concatenate([known.values[:kept], new.values]),
    )


def latest_points(run: Any) -> dict[str, tuple[int, int, float]]:
    """Return step, time and value of every metric's last point, as they came with the run."""
    # Public are the values alone, and a value may be logged again unchanged.
    found = {m.key: (m.step, m.timestamp, restored(m.value)) for m in last_points(run)}
    missing = run.data.metrics.keys() - found.keys()
    for key, points in read_points(run.info.run_id, missing).items() if missing else ():
        found[key] = (int(points.steps[-1]), int(points.times[-1]), float(points.values[-1]))
    return found


def restored(value: float) -> float:
    """Return a value as it was logged: infinite where a database kept the largest float."""
    return float(np.copysign(np.inf, value)) if abs(value) >= LARGEST else float(value)


def _points(history: Iterable[Any]) -> Points:
    rows = sorted((m.timestamp, m.step, m.value) for m in history)
    table = np.array(rows, dtype=float).reshape(-1, 3)
    return _columns(table[:, 1], table[:, 0], table[:, 2])


def _columns(steps: np.ndarray, times: np.ndarray, values: np.ndarray) -> Points:
    infinite = np.where(np.abs(values) >= LARGEST, np.copysign(np.inf, values), values)
    return Points(steps.astype(np.int64), times.astype(np.int64), infinite)
