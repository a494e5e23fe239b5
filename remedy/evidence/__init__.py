"""What was measured of a run, and how: the only thing that detectors look at.

`evidence` and `records` are the numbers; `static` takes those known before the first epoch, `layers` and `baseline` the
costly ones, `closer_look` decides when these are worth their time.
"""

from remedy.evidence.evidence import Evidence, Shallow

__all__ = ["Evidence", "Shallow"]
