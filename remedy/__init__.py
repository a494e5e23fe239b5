"""remedy: ``model.fit`` with a doctor in the room.

``remedy.fit(model, X, y)`` replaces ``model.fit``. It logs the run to MLflow, notices when the run
is stuck, says why, searches over the remedies that treat that trouble, and records the best
confirmed fix as a run linked to the stuck one.

Importing this package imports neither Keras, MLflow nor Optuna: the names below are loaded when
they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remedy._version import __version__
from remedy.doors import door

if TYPE_CHECKING:
    from remedy.api import Fix, Result, diagnose, fit
    from remedy.autologging import autolog
    from remedy.callback import Recorder
    from remedy.comparing.comparison import Comparison, compare
    from remedy.detectors._base import Detector
    from remedy.diagnosis import Diagnosis, Examination, Finding
    from remedy.errors import RemedyError, RemedyWarning
    from remedy.evidence.evidence import Evidence
    from remedy.prescription import Prescription
    from remedy.remedies._base import Remedy
    from remedy.repair.tuning import tune
    from remedy.search.options import Search


_HOME = {
    "fit": "remedy.api",
    "tune": "remedy.repair.tuning",
    "diagnose": "remedy.api",
    "autolog": "remedy.autologging",
    "Recorder": "remedy.callback",
    "compare": "remedy.comparing.comparison",
    "Comparison": "remedy.comparing.comparison",
    "Result": "remedy.api",
    "Fix": "remedy.api",
    "Search": "remedy.search.options",
    "Detector": "remedy.detectors._base",
    "Remedy": "remedy.remedies._base",
    "Finding": "remedy.diagnosis",
    "Diagnosis": "remedy.diagnosis",
    "Examination": "remedy.diagnosis",
    "Evidence": "remedy.evidence.evidence",
    "Prescription": "remedy.prescription",
    "RemedyError": "remedy.errors",
    "RemedyWarning": "remedy.errors",
}

__all__ = [
    "Comparison",
    "Detector",
    "Diagnosis",
    "Evidence",
    "Examination",
    "Finding",
    "Fix",
    "Prescription",
    "Recorder",
    "Remedy",
    "RemedyError",
    "RemedyWarning",
    "Result",
    "Search",
    "__version__",
    "autolog",
    "compare",
    "diagnose",
    "fit",
    "tune",
]


__getattr__ = door(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
