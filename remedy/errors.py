"""The exceptions and the one warning that remedy raises.

::

    RemedyError
    ├── InvalidInput      (also ValueError)   arrays or options that cannot be trained on
    │   └── Untrainable                       Keras could not train, and a diagnosis had said why
    ├── ModelError        (also ValueError)   a model that is not compiled, or cannot be rebuilt
    ├── NotApplicable                         a remedy that has nothing to act on in this recipe
    ├── StoreError        (also OSError)      the tracking store refuses or cannot be reached
    │   └── Searched                          another process searches the run at this moment
    ├── NotFound          (also LookupError)  an unknown experiment, run, code, detector or remedy
    ├── DataMismatch      (also ValueError)   data whose digest is not that of the recorded run
    └── PluginError                           a plugin package that breaks the contract

    RemedyWarning         (a UserWarning)     something of remedy's failed; the training goes on

Every message says what is wrong, where, and what to do next.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from unicodedata import category


class RemedyError(Exception):
    """Base of every error that remedy raises on purpose."""


class InvalidInput(RemedyError, ValueError):
    """Arrays or options that cannot be trained on; raised before training begins."""


class Untrainable(InvalidInput):
    """Keras could not train, and a diagnosis before training had said why; ``reason`` is what Keras raised."""

    def __init__(self, message: str, reason: Exception | None = None) -> None:
        """Take the diagnosis, and what Keras raised."""
        super().__init__(message)
        self.reason = reason


class ModelError(RemedyError, ValueError):
    """The model is not compiled, or cannot be read or rebuilt."""


class NotApplicable(RemedyError):
    """A remedy found nothing to act on in this recipe or dataset."""


class StoreError(RemedyError, OSError):
    """The tracking store refuses, or cannot be reached."""


class Searched(StoreError):
    """Another process searches a fix for the run at this moment."""


class NotFound(RemedyError, LookupError):
    """An experiment, run, code, detector or remedy of that name does not exist."""


class DataMismatch(RemedyError, ValueError):
    """The data at hand is not the data that the run was recorded with."""


class PluginError(RemedyError):
    """A plugin package cannot be imported, or breaks the contract."""


class RemedyWarning(UserWarning):
    """Something of remedy's own failed or was left out; the user's training goes on."""


_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of what is no letter to look at: controls, directions, separators of lines."""


def visible(text: object, lines: bool = False) -> str:
    r"""Return a text with its control characters spelled out: who named a run in a store may not steer a terminal.

    Args:
        text: Such as the name of a run.
        lines: Whether line ends stay.

    Example:
        >>> visible("ecg\x1b[2J")
        'ecg\\x1b[2J'
    """
    kept = "\n" if lines else ""
    return "".join(
        c.encode("unicode_escape").decode() if category(c) in _STEERING and c not in kept else c for c in str(text)
    )


@contextmanager
def costs_a_warning(what: str) -> Iterator[None]:
    """Turn what fails in a block into one warning: nothing of ours ends the user's training.

    Args:
        what: Said first; the error follows in brackets.
    """
    try:
        yield
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        warnings.warn(f"{what} ({type(error).__name__}: {reason}).", RemedyWarning, stacklevel=3)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that names what was probably meant, with a blank in front; empty where nothing is near.

    Example:
        >>> did_you_mean("dead-unit", ["dead-units", "flat-loss"])
        " Did you mean 'dead-units'?"
    """
    near = get_close_matches(str(name), list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
