"""The contracts that every detector and remedy keeps."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from remedy import registry
from remedy.catalogue import FAMILIES
from remedy.detectors._base import Detector
from remedy.diagnosis import Finding
from remedy.errors import NotApplicable
from remedy.evidence.evidence import Evidence
from remedy.remedies._base import Remedy
from remedy.testing.checks import check_patch, check_rewritten, check_saved
from remedy.testing.specimens import given_to


def contract_tests(package: str) -> Callable[..., None]:
    """Return one pytest function, parametrised over every contract of every class in a package.

    Args:
        package: Importable name of a package with detectors or remedies, such as "remedy.detectors".
    """
    import pytest

    module = import_module(package)
    detectors = registry.classes_in(Detector, [module], strict=True)
    remedies = registry.classes_in(Remedy, [module], strict=True)
    cases: list[tuple[str, Callable[[], None]]] = []
    for detector in detectors:
        for check in (_identity, _docstring, _specimens, _evidence_exists, _survives_holes, _links):
            cases.append((f"{detector.name}-{check.__name__.strip('_')}", _bind(check, detector)))
    for remedy in remedies:
        for check in (_identity, _docstring, _doses, _purity, _links):
            cases.append((f"{remedy.name}-{check.__name__.strip('_')}", _bind(check, remedy)))

    @pytest.mark.parametrize("check", [pytest.param(run, id=name) for name, run in cases])
    def test_contracts(check: Callable[[], None]) -> None:
        check()

    return test_contracts


def _bind(check: Callable[[Any], None], cls: Any) -> Callable[[], None]:
    return lambda: check(cls)


def _identity(cls: Any) -> None:
    file = Path(inspect.getfile(cls)).stem
    assert file.replace("_", "-") == cls.name, f"{cls.__name__} lives in {file}.py but is called {cls.name}"
    assert cls.__name__.lower() == cls.name.replace("-", ""), f"class {cls.__name__} does not spell {cls.name}"
    if issubclass(cls, Detector):
        assert re.fullmatch("[A-Z]{3}[0-9]{3}", cls.code), f"{cls.code}: three capitals and three digits"
        ours = cls.__module__.startswith("remedy.detectors.")
        assert not ours or cls.code[:3] in FAMILIES, f"{cls.code} is of no family of remedy's own"
        assert cls.severity in ("error", "warning")


def _docstring(cls: Any) -> None:
    text = inspect.cleandoc(cls.__doc__ or "")
    assert text, f"{cls.__name__} has no docstring"
    wanted = (
        ("What it sees:", "Why it matters:", "What helps:", "Source:") if issubclass(cls, Detector) else ("Source:",)
    )
    for heading in wanted:
        assert heading in text, f"the docstring of {cls.__name__} has no {heading!r}"


def _specimens(cls: type[Detector]) -> None:
    assert 1 <= len(cls.fires_on) <= 2, f"{cls.name} needs one or two specimens that it fires on"
    assert 1 <= len(cls.silent_on) <= 2, f"{cls.name} needs one or two specimens that it is silent on"
    for evidence in cls.fires_on:
        finding = _detect(cls, evidence)
        assert isinstance(finding, Finding), f"{cls.name} is silent on {evidence}"
        assert any(c.isdigit() for c in finding.message), f"{cls.name} says no number: {finding.message}"
        assert 0 <= finding.confidence <= 1
    for evidence in cls.silent_on:
        assert _detect(cls, evidence) is None, f"{cls.name} fires on {evidence}"


def _evidence_exists(cls: type[Detector]) -> None:
    known = {f.name for f in fields(Evidence)}
    wanted = set(inspect.signature(cls().detect).parameters)
    assert wanted <= known, f"{cls.name} asks for evidence that nobody records: {', '.join(wanted - known)}"


def _survives_holes(cls: type[Detector]) -> None:
    """Every specimen again, with numbers that are not finite, and with empty series."""
    for evidence in (*cls.fires_on, *cls.silent_on):
        known = evidence.known()
        wanted = inspect.signature(cls().detect).parameters
        given = {name: known[name] for name in wanted if name in known}
        for name, value in given.items():
            if isinstance(value, tuple) and value and isinstance(value[0], float):
                for hole in (float("nan"), float("inf")):
                    cls().detect(**{**given, name: (*value[:-1], hole)})


def _links(cls: Any) -> None:
    codes = {c.code for c in registry.detector_classes()} | {getattr(cls, "code", "")}
    names = {c.name for c in registry.remedy_classes()} | {cls.name}
    if issubclass(cls, Detector):
        assert set(cls.remedies) <= names, f"{cls.name} names remedies that do not exist: {set(cls.remedies) - names}"
    else:
        asked = cls.treats or any(cls.name in c.remedies for c in registry.detector_classes())
        own = cls.__module__.startswith("remedy.remedies.")
        assert asked or not own, f"nobody asks for {cls.name}: name it in a detector's `remedies`, or set `treats`"
        assert set(cls.treats) <= codes, f"{cls.name} names codes that do not exist: {set(cls.treats) - codes}"
        assert set(cls.excludes) <= names


def _doses(cls: type[Remedy]) -> None:
    remedy = cls()
    recipe, dataset = given_to(remedy)
    assert set(remedy.usual) == set(remedy.space), f"the usual dose of {cls.name} must name every dose of its space"
    assert not cls.lengthens or "factor" in cls.space, f"{cls.name} lengthens a training and has no dose 'factor'"
    assert not cls.sets_rate or "rate" in cls.space, f"{cls.name} sets the learning rate and has no dose 'rate'"
    for dose in (remedy.usual, *remedy.usual_doses(recipe, dataset)):
        for name, value in dose.items():
            space = remedy.space[name]
            assert space._contains(space.to_internal_repr(value)), f"{cls.name}: {name}={value} is not in {space}"


def _purity(cls: type[Remedy]) -> None:
    remedy, tried = cls(), 0
    recipe, dataset = given_to(remedy)
    for dose in remedy.usual_doses(recipe, dataset):
        try:
            remedy.apply(recipe, dataset, **dose)
        except NotApplicable:
            continue
        changed = check_rewritten(remedy, recipe, dataset, train=False, **dose)
        check_patch(remedy, recipe, dataset, **dose)
        check_saved(changed, dataset)
        tried += 1
    assert tried, f"no usual dose of {cls.name} applies to its specimen: give it a specimen() of its own"


def _detect(cls: type[Detector], evidence: Evidence) -> Finding | None:
    detector, known = cls(), evidence.known()
    wanted = inspect.signature(detector.detect).parameters
    found: Finding | None = detector.detect(**{name: known[name] for name in wanted if name in known})
    return found
