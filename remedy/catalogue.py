"""The catalogue of detectors and remedies, generated from the classes: docs page and `remedy explain`."""

from __future__ import annotations

import inspect
from typing import Any

from remedy.detectors._base import Detector
from remedy.errors import NotFound, did_you_mean
from remedy.registry import detector_classes, remedies, remedies_for, remedy_classes
from remedy.remedies._base import Remedy

FAMILIES = {
    "DAT": "Data",
    "HED": "Output head and loss",
    "ARC": "Architecture",
    "OPT": "Optimisation",
    "GEN": "Generalisation",
}


def explain(name: str) -> str:
    """Return the Markdown page of one detector (by code or name) or remedy (by name).

    Raises:
        NotFound: Nothing is called that.
    """
    for detector in detector_classes():
        if name.lower() in (detector.code.lower(), detector.name):
            return _plain(detector_page(detector))
    for remedy in remedy_classes():
        if name.lower() == remedy.name:
            return _plain(remedy_page(remedy))
    known = [n for c in detector_classes() for n in (c.code, c.name)] + [c.name for c in remedy_classes()]
    near = did_you_mean(name, known)
    raise NotFound(f"Nothing is called {name!r}.{near} `remedy catalogue` lists every code and name.")


def catalogue() -> str:
    """Return the whole catalogue as Markdown."""
    parts = ["# Detectors and remedies", "", "Generated from the classes by `remedy catalogue --markdown`.", ""]
    parts += ["| code | trouble | severity | what helps |", "| --- | --- | --- | --- |"]
    for row in rows():
        parts.append(f"| {row['code']} | {row['name']} | {row['severity']} | {', '.join(row['remedies'])} |")
    parts += ["", f"The next free codes: {', '.join(free_codes())}."]
    others = sorted({c.code[:3] for c in detector_classes()} - FAMILIES.keys())
    for family, title in (*FAMILIES.items(), *((name, f"{name}, of a plugin") for name in others)):
        found = [c for c in detector_classes() if c.code.startswith(family)]
        if found:
            parts += ["", f"## {title}", "", *[detector_page(c) for c in found]]
    parts += ["", "## Remedies", "", *[remedy_page(c) for c in remedy_classes()]]
    return "\n".join(parts).rstrip() + "\n"


def free_codes() -> list[str]:
    """Return the next code of every family of remedy's own."""
    codes = [c.code for c in detector_classes() if c.__module__.startswith("remedy.detectors.")]
    newest = [max(code for code in codes if code.startswith(family)) for family in FAMILIES]
    return [f"{code[:3]}{int(code[3:]) + 1}" for code in newest]


def rows() -> list[dict[str, Any]]:
    """Return one dict a detector: code, name, severity, remedies."""
    known = remedies()
    return [
        {
            "code": c.code,
            "name": c.name,
            "severity": c.severity,
            "remedies": [r.name for r in remedies_for(c, known)],
        }
        for c in detector_classes()
    ]


def summaries() -> dict[str, str]:
    """Return the first sentence of what every remedy does, by name."""
    return {c.name: inspect.cleandoc(c.__doc__ or "").splitlines()[0] for c in remedy_classes()}


def detector_page(detector: type[Detector]) -> str:
    """Return the page of a detector: its docstring, thresholds, evidence and remedies."""
    wanted = inspect.signature(detector.detect).parameters
    needs = [p.name for p in wanted.values() if p.name != "self" and p.default is p.empty]
    uses = [p.name for p in wanted.values() if p.default is not p.empty]
    helps = [r.name for r in remedies_for(detector, remedies())]
    lines = [
        f'<a id="{detector.code}"></a>',
        "",
        f"### {detector.code} {detector.name}",
        "",
        inspect.cleandoc(detector.__doc__ or ""),
        "",
    ]
    lines.append(f"- Severity: {detector.severity}")
    extra = f"; if recorded: {', '.join(uses)}" if uses else ""
    lines.append(f"- Looks at: {', '.join(needs)}{extra}")
    if detector.thresholds():
        lines.append(f"- Thresholds: {', '.join(f'`{k}={v:g}`' for k, v in detector.thresholds().items())}")
    lines += [f"- Remedies: {', '.join(helps) or 'none'}", ""]
    return "\n".join(lines)


def remedy_page(remedy: type[Remedy]) -> str:
    """Return the page of a remedy: its docstring, doses and what it treats."""
    treats = [c.code for c in detector_classes() if remedy.name in c.remedies or c.code in remedy.treats]
    lines = [f'<a id="{remedy.name}"></a>', "", f"### {remedy.name}", "", inspect.cleandoc(remedy.__doc__ or ""), ""]
    doses = remedy.space.items()
    lines += [f"- Dose `{name}`: {_range(space)}; usually {remedy.usual.get(name)}" for name, space in doses]
    lines += [f"- Treats: {', '.join(treats) or 'nothing by itself'}", ""]
    return "\n".join(lines)


def _range(space: Any) -> str:
    """Say in words what a dose may be."""
    choices = getattr(space, "choices", None)
    if choices is not None:
        return ", ".join(map(str, choices[:-1])) + f" or {choices[-1]}" if len(choices) > 1 else str(choices[0])
    many = ", evenly on a logarithmic scale" if getattr(space, "log", False) else ""
    kind = "a whole number from" if isinstance(space.low, int) else "from"
    return f"{kind} {space.low:g} to {space.high:g}{many}"


def _plain(page: str) -> str:
    """Return a page without the places that links lead to, for a terminal."""
    return "\n".join(line for line in page.splitlines() if not line.startswith("<a id=")).strip() + "\n"
