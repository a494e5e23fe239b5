"""`remedy.autolog()`: one line in an existing script, and every ``Model.fit`` of it is logged and diagnosed."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any

import keras

from remedy import api
from remedy.errors import RemedyError, RemedyWarning, Untrainable
from remedy.registry import chosen_detectors, several
from remedy.results import LogOptions
from remedy.search.options import Search
from remedy.tracking.opening import inside_a_run
from remedy.training.feed import FITTING, PLAIN_FIT


def autolog(
    *,
    experiment: str | None = None,
    tags: Mapping[str, str] | None = None,
    search: bool | Search = False,
    detectors: Any = None,
    ignore: Iterable[str] | str | None = (),
    log_data: bool | None = None,
    log_models: bool = True,
    log_every_n_steps: int | None = None,
    registered_model_name: str | None = None,
    checkpoint: bool = False,
    exclusive: bool = False,
    silent: bool = False,
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
        detectors, ignore, log_data, log_every_n_steps: As for `fit`.
        log_models: False keeps no models; ``log_model`` of `fit`.
        registered_model_name: ``register_as`` of `fit`.
        checkpoint: ``log_checkpoints`` of `fit`.
        exclusive: True leaves a training alone that begins inside a run of your own.
        silent: True prints nothing and warns of nothing of remedy's own.
        disable: Put Keras' own ``fit`` back.

    Raises:
        NotFound: There is no such detector.
        InvalidInput: An option that no training could be logged with.
    """
    if "fit" in vars(keras.Model) and hasattr(keras.Model.fit, "logged_by_remedy"):
        del keras.Model.fit  # Keras inherits its own from the trainer of the backend.
    if disable:
        return
    LogOptions(log_data, log_models, log_every_n_steps, registered_model_name)
    options: dict[str, Any] = {
        "experiment": experiment,
        "tags": tags,
        "search": search,
        "detectors": None if detectors is None else several(detectors),
        "ignore": () if ignore is None else several(ignore),
        "log_data": log_data,
        "log_model": log_models,
        "log_every_n_steps": log_every_n_steps,
        "register_as": registered_model_name,
        "log_checkpoints": checkpoint,
        "quiet": silent,
    }
    chosen_detectors(options["detectors"], options["ignore"])
    keras.Model.fit = _logged(keras.Model.fit, options, exclusive)


def _logged(fit: Callable[..., Any], options: Mapping[str, Any], exclusive: bool) -> Callable[..., Any]:
    """Return a ``Model.fit`` that goes through `api.fit`, except for what remedy trains itself."""

    @functools.wraps(fit)
    def logged(self: Any, *args: Any, **kwargs: Any) -> Any:
        if FITTING.get() is self or (exclusive and inside_a_run()):
            return fit(self, *args, **kwargs)
        try:
            given = inspect.signature(fit).bind(self, *args, **kwargs).arguments
        except TypeError:
            return fit(self, *args, **kwargs)  # Keras says what is wrong with the arguments.
        X, y = given.pop("x", None), given.pop("y", None)
        given.pop("self")
        token = PLAIN_FIT.set((self, fit))
        try:
            hushed = warnings.catch_warnings(action="ignore", category=RemedyWarning)
            with hushed if options["quiet"] else nullcontext():
                result = api.fit(self, X, y, **options, **given)
        except Untrainable as error:
            raise (error.reason or error) from None
        except RemedyError as error:
            text = f"remedy.autolog does not watch this training ({error}); Keras trains it alone."
            if not options["quiet"]:
                warnings.warn(text, RemedyWarning, stacklevel=2)
            return fit(self, *args, **kwargs)
        finally:
            PLAIN_FIT.reset(token)
        result.history.remedy = result
        return result.history

    logged.logged_by_remedy = True  # type: ignore[attr-defined]
    return logged
