"""Finds detectors and remedies: built-ins and plugins take the same road.

A plugin is an installed package with an entry point in the group ``remedy.plugins`` whose value is
a package to walk. Every subclass of `Detector` or `Remedy` defined there is taken; there is
nothing to call and nothing to decorate.
"""

from __future__ import annotations

import pkgutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from inspect import isclass
from types import ModuleType
from typing import Any, TypeVar

from remedy.detectors._base import Detector
from remedy.errors import InvalidInput, NotFound, PluginError, RemedyError, RemedyWarning, did_you_mean
from remedy.remedies._base import Remedy
from remedy.settings import read_settings

Kind = TypeVar("Kind", Detector, Remedy)

ENTRY_POINTS = "remedy.plugins"


@cache
def detector_classes() -> tuple[type[Detector], ...]:
    """Return every detector class, built-in and plugged in, ordered by code.

    Raises:
        PluginError: Two detectors share a code or a name.
    """
    found = classes_in(Detector, _packages("remedy.detectors"))
    _require_unique(found, "code")
    _require_unique(found, "name")
    return tuple(sorted(found, key=lambda c: c.code))


@cache
def remedy_classes() -> tuple[type[Remedy], ...]:
    """Return every remedy class, built-in and plugged in, ordered by name.

    Raises:
        PluginError: Two remedies share a name.
    """
    found = classes_in(Remedy, _packages("remedy.remedies"))
    _require_unique(found, "name")
    return tuple(sorted(found, key=lambda c: c.name))


def detectors(
    chosen: Any = None,
    ignore: Iterable[str] | str | None = (),
    thresholds: Mapping[str, Mapping[str, float]] | None = None,
) -> tuple[Detector, ...]:
    """Return detector instances: all of them, or those chosen by code, name, class or instance.

    Args:
        chosen: None for all. Instances keep the thresholds they were made with; an ellipsis stands for
            all others: ``[..., DeadUnits(fraction=0.6)]``.
        ignore: Codes or names to leave out.
        thresholds: ``{code or name: {threshold: value}}`` for detectors not given as instances.

    Raises:
        NotFound: A code or name is not known.
        InvalidInput: A detector has no such threshold.
    """
    classes = detector_classes()
    known = {key: cls for cls in classes for key in (cls.code, cls.name)}
    ignore = several(() if ignore is None else ignore)
    for name in (*ignore, *(thresholds or {})):
        if name not in known:
            near = did_you_mean(name, known)
            raise NotFound(f"No detector is called {name!r}.{near} `remedy catalogue` lists them all.")
    left_out = {known[name] for name in ignore}
    values = {known[name]: dict(given) for name, given in (thresholds or {}).items()}
    if chosen is None:
        return tuple(cls(**values.get(cls, {})) for cls in classes if cls not in left_out)
    chosen = several(chosen)
    found: list[Detector] = []
    for item in (item for item in chosen if item is not ...):
        cls = known.get(item, item) if isinstance(item, str) else item
        instance = cls(**values.get(cls, {})) if isclass(cls) and issubclass(cls, Detector) else None
        found.append(instance or _instance(Detector, item, known))
    if ... in chosen:
        given = {type(detector) for detector in found}
        found += [cls(**values.get(cls, {})) for cls in classes if cls not in given]
    return tuple(detector for detector in found if type(detector) not in left_out)


def chosen_detectors(chosen: Any = None, ignore: Iterable[str] | str | None = ()) -> tuple[Any, ...]:
    """Return the detectors asked for, with what pyproject.toml sets."""
    settings = read_settings()
    try:
        return detectors(chosen, (*settings.ignore, *several(() if ignore is None else ignore)), settings.thresholds)
    except RemedyError as error:
        raise type(error)(f"{error} (Detectors were set here and in {settings.source}.)") from error


def remedies(chosen: Any = None) -> tuple[Remedy, ...]:
    """Return remedy instances: all of them, or those chosen by name, class or instance.

    Raises:
        NotFound: A name is not known.
    """
    if chosen is None:
        return tuple(cls() for cls in remedy_classes())
    known = {cls.name: cls for cls in remedy_classes()}
    return tuple(_instance(Remedy, item, known) for item in several(chosen))


def several(given: Any) -> list[Any]:
    """Return what was chosen as a list; one name, class or instance may stand alone."""
    return list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]


def remedies_for(diagnosis: Any, available: Iterable[Remedy]) -> tuple[Remedy, ...]:
    """Return the remedies that a diagnosis asks for, whichever side names the link.

    Args:
        diagnosis: With ``code`` and ``remedies`` (names, most wanted first).
        available: Remedies to choose from.
    """
    known = {remedy.name: remedy for remedy in available}
    named = [known[name] for name in diagnosis.remedies if name in known]
    return tuple(dict.fromkeys([*named, *(r for r in known.values() if diagnosis.code in r.treats)]))


def plugin_names() -> list[str]:
    """Return the names of the installed plugins."""
    return sorted(point.name for point in entry_points(group=ENTRY_POINTS))


def _packages(builtin: str) -> list[ModuleType]:
    packages = [import_module(builtin)]
    for point in entry_points(group=ENTRY_POINTS):
        found = _imported(point.value, f"The plugin {point.name!r} ({point.value})")
        packages += [] if found is None else [found]
    return packages


def _imported(name: str, what: str) -> ModuleType | None:
    """Import a module of a plugin; one that is broken must not take the others, or the user's training, with it."""
    try:
        return import_module(name)
    except Exception as error:
        text = f"{what} cannot be imported and is left out: {type(error).__name__}: {error}"
        warnings.warn(text, RemedyWarning, stacklevel=2)
        return None


def classes_in(base: type[Kind], packages: Iterable[ModuleType], strict: bool = False) -> list[type[Kind]]:
    """Return every subclass of ``base`` that is defined in these packages, private modules left out.

    A module that cannot be imported is left out with a `RemedyWarning`, unless it is one of remedy's own or ``strict``.
    """
    found: dict[type[Kind], None] = {}
    for package in packages:
        for module in _modules(package, strict):
            for thing in vars(module).values():
                if (
                    isclass(thing)
                    and issubclass(thing, base)
                    and thing is not base
                    and thing.__module__ == module.__name__
                ):
                    found[thing] = None
    return list(found)


def _modules(package: ModuleType, strict: bool) -> Iterator[ModuleType]:
    """Yield a package and its public modules."""
    yield package
    own = strict or package.__name__.startswith("remedy.")
    for info in pkgutil.walk_packages(
        getattr(package, "__path__", []), package.__name__ + ".", onerror=lambda name: None
    ):
        if info.name.rpartition(".")[2].startswith("_"):
            continue
        what = f"The module {info.name} of the plugin {package.__name__!r}"
        module = import_module(info.name) if own else _imported(info.name, what)
        if module is not None:
            yield module


def _instance(base: type[Kind], item: Any, known: dict[str, type[Kind]]) -> Kind:
    if isinstance(item, base):
        return item
    if isclass(item) and issubclass(item, base):
        return item()
    if isinstance(item, str):
        if item in known:
            return known[item]()
        near = did_you_mean(item, known)
        raise NotFound(f"No {base.__name__.lower()} is called {item!r}.{near} `remedy catalogue` lists them all.")
    raise InvalidInput(f"{item!r} is no {base.__name__.lower()}: give a name, a class or an instance.")


def _require_unique(found: Iterable[type[Any]], what: str) -> None:
    first: dict[str, type[Any]] = {}
    for cls in found:
        other = first.setdefault(getattr(cls, what), cls)
        if other is not cls:
            both = " and ".join(f"{c.__name__} ({c.__module__})" for c in (other, cls))
            raise PluginError(f"The {what} {getattr(cls, what)} is that of {both}: give the newer one another.")
