"""Which stuck runs wait for a treatment, as their tags say; no file of theirs is read, and no Keras is needed."""

from __future__ import annotations

from typing import Any

from remedy.tracking import queries

FIXED_BY = "remedy.fixed_by_run_id"
"""Tag of a stuck run that has a fix: the run of the fix."""

STUCK = "tags.`remedy.verdict` = 'stuck' and tags.`remedy.role` = 'fit'"
"""Runs that `tune` can treat; what `remedy watch` finds stuck was logged by something else, without recipe and data."""


def waiting(experiment: str | None = None, run_id: str | None = None) -> list[Any]:
    """Return the MLflow runs that `tune` would treat, newest first; nothing of their files is read.

    Args:
        experiment: Its stuck runs without a fix; those of all experiments where None.
        run_id: Or this run.

    Raises:
        NotFound: No such experiment or run.
    """
    if run_id is not None:
        return [queries.get_run(run_id)]
    return [run for run in queries.find_runs(experiment, STUCK) if FIXED_BY not in run.data.tags]


def untreatable(experiment: str | None) -> str | None:
    """Say why stuck runs of an experiment that something else logged cannot be treated; None where there are none."""
    if experiment is None:
        return None
    found = queries.find_runs(experiment, "tags.`remedy.verdict` = 'stuck'")
    watched = [run.info.run_id for run in found if run.data.tags.get("remedy.role") is None]
    if not watched:
        return None
    many = "1 run was" if len(watched) == 1 else f"{len(watched)} runs were"
    return (
        f"{many} found stuck by `remedy watch`. Something else logged them, without recipe and data, so that remedy "
        f"cannot train them. `remedy diagnose --run {watched[0]}` says what was seen; a Keras program is treated where "
        "remedy.fit, or remedy.autolog(search=True), trains it."
    )
