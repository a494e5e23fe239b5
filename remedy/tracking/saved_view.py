"""A view for MLflow's table of runs that shows a stuck run and its fix side by side, without search and trials.

MLflow keeps saved views as tags of the experiment. Their form is not documented (read in MLflow 3.17), so this is a
best effort: where it is refused or not understood, the table is as it always was.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

log = logging.getLogger(__name__)

NAME = "stuck runs and their fixes"
TAG = "mlflow.sharedViewState.remedy-families"

FACETS = {
    "searchFilter": "tags.`remedy.role` LIKE 'fi%'",  # "fit" and "fix"; MLflow has no OR
    "orderByKey": "attributes.start_time",
    "orderByAsc": True,
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
}
COLUMNS = ("remedy.verdict", "remedy.cause", "remedy.role", "remedy.fixed_by_run_id")
SCORES = ("score_before", "score_after")
GROUPS = {"aggregateFunction": "max", "groupByKeys": [{"mode": "tag", "groupByData": "remedy.family"}]}


def seed_view(client: Any, experiment_id: str | None) -> None:
    """Add the view to an experiment that has none of this name yet; never raise."""
    try:
        if TAG in client.get_experiment(experiment_id).tags:
            return
        columns = [*(f"tags.`{name}`" for name in COLUMNS), *(f"metrics.`{name}`" for name in SCORES)]
        table = {"groupBy": GROUPS, "selectedColumns": columns, "groupsExpanded": {}}
        now = int(time.time() * 1000)
        view = {"name": NAME, "createdAt": now, "updatedAt": now, "state": json.dumps({**FACETS, **table})}
        client.set_experiment_tag(experiment_id, TAG, json.dumps(view))
    except Exception:  # Its form is not documented, and no training depends on it.
        log.debug("no view was saved", exc_info=True)
