"""Registers models: a name, versions, and the alias ``champion`` for the version that did best on the same data."""

from __future__ import annotations

import io
import math
import warnings
from contextlib import redirect_stderr

import mlflow
from mlflow.exceptions import MlflowException

from remedy.errors import RemedyWarning
from remedy.tracking.connection import first_line, silent_mlflow

ALIAS = "champion"
"""MLflow's own documentation calls the version in use so."""

NO_ALIAS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
"""What MLflow's stores answer where nothing has the alias."""

DIGEST, SCORE, METRIC = "remedy.data_digest", "remedy.score", "remedy.metric"


def register(name: str, model_uri: str, digest: str, metric: str, score: float | None) -> str | None:
    """Register a logged model, and make it the champion where it beats the present one on the same rows.

    A version without a score, or one on other data than the champion's, cannot be compared and leaves the alias
    where it is. What the registry refuses is a `RemedyWarning`.

    Args:
        name: Of the registered model.
        model_uri: Address of the logged model.
        digest: Of the data.
        metric: What was measured on the validation rows, such as "balanced_accuracy"; higher is better.
        score: Its value; None where there were no validation rows, and as little worth where it is not finite.

    Returns:
        One sentence that says what was registered and whether it is the champion; None where that failed.
    """
    client = mlflow.MlflowClient()
    try:
        with silent_mlflow(), redirect_stderr(io.StringIO()):  # It prints what it registered.
            made = mlflow.register_model(model_uri, name)
        known = score is not None and math.isfinite(score)  # Nothing would ever beat a champion of NaN.
        measured = {DIGEST: digest, METRIC: metric} | ({SCORE: repr(score)} if known else {})
        for key, value in measured.items():
            client.set_model_version_tag(name, made.version, key, value)
        verdict, wins = _against_champion(client, name, measured)
        if wins:
            client.set_registered_model_alias(name, ALIAS, made.version)
        return f"Registered as {name}, version {made.version}: {verdict}"
    except Exception as error:
        text = f"The model was not registered as {name!r} ({first_line(error)}); it stays with its run."
        warnings.warn(text, RemedyWarning, stacklevel=3)
        return None


def _against_champion(client: mlflow.MlflowClient, name: str, new: dict[str, str]) -> tuple[str, bool]:
    """Return how a version compares with the champion, and whether it takes its place."""
    try:
        present = client.get_model_version_by_alias(name, ALIAS)
    except MlflowException as error:
        if error.error_code not in NO_ALIAS:
            raise  # A registry that fails is no reason to take the alias from whoever has it.
        return f"the first with the alias {ALIAS}.", True
    old = present.tags
    if old.get(DIGEST) != new[DIGEST] or old.get(METRIC) != new[METRIC]:
        return f"version {present.version} stays {ALIAS}, it was measured on other data.", False
    if SCORE not in old or SCORE not in new:
        return f"version {present.version} stays {ALIAS}, there is no score to compare.", False
    ours, theirs = float(new[SCORE]), float(old[SCORE])
    if ours > theirs:
        return f"{ALIAS}, with {new[METRIC]} {ours:.3f} over {theirs:.3f} of version {present.version}.", True
    return f"version {present.version} stays {ALIAS}, with {new[METRIC]} {theirs:.3f} against {ours:.3f}.", False
