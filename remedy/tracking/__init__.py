"""The door to MLflow: nothing else in the package speaks to it.

`opening` begins runs, `run` writes and links them; `queries` finds them, `artifacts` reads their files; `connection`
says which store.
"""

from remedy.tracking.run import Run

__all__ = ["Run"]
