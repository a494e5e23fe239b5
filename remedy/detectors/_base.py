"""What a detector is. Copy the shortest one beside this file and change it."""

from __future__ import annotations

from typing import Any, ClassVar

from remedy.diagnosis import Finding, Severity
from remedy.errors import InvalidInput
from remedy.evidence.evidence import Evidence


class Detector:
    """A pure function of evidence with a code, a name and thresholds.

    Subclass it, fill in the class attributes, and write ``detect``. The names of its parameters
    are fields of `Evidence`: a parameter without a default is needed (the detector is reported as
    "not recorded" where it is missing), one with a default is used where it is there. Annotated
    class attributes with a default are thresholds; a user sets them by keyword:
    ``MajorityCollapse(patience=0.2)``.

    Attributes:
        code: Three family letters and three digits, never reused: DAT data, HED head and loss, ARC
            architecture, OPT optimisation, GEN generalisation; a plugin may have families of its own.
        name: The trouble, a noun: "dead-units". The same slug names the file and its test.
        severity: "error" makes the run stuck; "warning" never stops a run.
        symptom: True where it says that training fails rather than why: causes are told first.
        remedies: Names of remedies that treat it.
        distrusts_validation: True where validation rows like these cannot choose anything; a search takes others.
        no_hope: True where it says that these rows hold nothing to learn.
        stops_keras: True where Keras may break off such a training, with an error that does not name the cause.
        tasks: The tasks in which the question arises; None means all.
        fires_on: One or two specimens of evidence that it must fire on.
        silent_on: One or two specimens that it must be silent on.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[bool] = False
    remedies: ClassVar[tuple[str, ...]] = ()
    distrusts_validation: ClassVar[bool] = False
    no_hope: ClassVar[bool] = False
    stops_keras: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...] | None] = None
    fires_on: ClassVar[tuple[Evidence, ...]] = ()
    silent_on: ClassVar[tuple[Evidence, ...]] = ()

    detect: Any
    """``detect(self, <evidence field>, ...) -> Finding | None``, written by the subclass."""

    def __init__(self, **thresholds: float) -> None:
        """Set thresholds by keyword.

        Raises:
            InvalidInput: The detector has no threshold of that name.
        """
        known = self.thresholds()
        for name, value in thresholds.items():
            if name not in known:
                raise InvalidInput(
                    f"{type(self).__name__} has no threshold {name!r}; it has {', '.join(sorted(known)) or 'none'}."
                )
            setattr(self, name, value)

    @classmethod
    def thresholds(cls) -> dict[str, float]:
        """Return the thresholds and their defaults, by name."""
        own: dict[str, float] = {}
        for base in reversed(cls.__mro__[: cls.__mro__.index(Detector)]):
            for name, kind in getattr(base, "__annotations__", {}).items():
                if not str(kind).startswith("ClassVar") and hasattr(base, name):
                    own[name] = getattr(base, name)
        return own


__all__ = ["Detector", "Finding"]
