"""`remedy.autolog()`: one line in an existing script, and every ``Model.fit`` of it is logged and diagnosed."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras

from remedy import api
from remedy.errors import RemedyError, RemedyWarning
from remedy.registry import chosen_detectors
from remedy.search.options import Search
from remedy.training.feed import FITTING, PLAIN_FIT


def autolog(
    *,
    experiment: str | None = None,
    tags: Mapping[str, str] | None = None,
    search: bool | Search = False,
    detectors: Iterable[Any] | None = None,
    ignore: Iterable[str] = (),
    log_data: bool | None = None,
    disable: bool = False,
) -> None:
    """Log and diagnose every ``Model.fit`` from now on, each in a run of its own.

    ``fit`` returns Keras' History as before; ``history.remedy`` is the `Result` with diagnoses and, where one was
    searched, the fix. What remedy cannot read is trained by Keras alone, after a warning.

    Args:
        experiment: MLflow experiment; None takes the active one, else "remedy".
        tags: Further tags of every run.
        search: True or a `Search` also searches a fix for a stuck run, as `fit` does; a run with a confirmed fix
            ends where it was found stuck, and the fixed model is ``history.remedy.fix.model``.
        detectors, ignore, log_data: As for `fit`.
        disable: Put Keras' own ``fit`` back.

    Raises:
        NotFound: There is no such detector.
    """
    if "fit" in vars(keras.Model) and hasattr(keras.Model.fit, "logged_by_remedy"):
        del keras.Model.fit  # Keras inherits its own from the trainer of the backend.
    if disable:
        return
    chosen_detectors(detectors, ignore)
    options = {
        "experiment": experiment,
        "tags": tags,
        "search": search,
        "detectors": None if detectors is None else tuple(detectors),
        "ignore": tuple(ignore),
        "log_data": log_data,
    }
    keras.Model.fit = _logged(keras.Model.fit, options)


def _logged(fit: Callable[..., Any], options: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a ``Model.fit`` that goes through `api.fit`, except for what remedy trains itself."""

    @functools.wraps(fit)
    def logged(self: Any, *args: Any, **kwargs: Any) -> Any:
        if FITTING.get() is self:
            return fit(self, *args, **kwargs)
        try:
            given = inspect.signature(fit).bind(self, *args, **kwargs).arguments
        except TypeError:
            return fit(self, *args, **kwargs)  # Keras says what is wrong with the arguments.
        X, y = given.pop("x", None), given.pop("y", None)
        given.pop("self")
        token = PLAIN_FIT.set((self, fit))
        try:
            result = api.fit(self, X, y, **options, **given)
        except RemedyError as error:
            text = f"remedy.autolog does not watch this training ({error}); Keras trains it alone."
            warnings.warn(text, RemedyWarning, stacklevel=2)
            return fit(self, *args, **kwargs)
        finally:
            PLAIN_FIT.reset(token)
        result.history.remedy = result
        return result.history

    logged.logged_by_remedy = True  # type: ignore[attr-defined]
    return logged
