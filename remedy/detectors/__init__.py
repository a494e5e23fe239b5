"""One file per trouble: a class with a code, a name, a docstring and ``detect``.

``from remedy.detectors import DeadUnits`` finds the class in its file. What a detector of your own needs is here, too:
``from remedy.detectors import Detector, Evidence, Finding``.
"""

from pathlib import Path

from remedy.doors import door

__getattr__ = door(
    __name__,
    {
        "Detector": "remedy.detectors._base",
        "Evidence": "remedy.evidence.evidence",
        "Finding": "remedy.diagnosis",
    },
    str(Path(__file__).parent),
)
