"""Settings of a project: the table ``[tool.remedy]`` in the nearest pyproject.toml.

::

    [tool.remedy]
    ignore = ["DAT102"]

    [tool.remedy.thresholds]
    dead-units = {fraction = 0.6}
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from remedy.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    """What a project sets.

    Attributes:
        ignore: Codes or names of detectors that are left out.
        thresholds: ``{detector name or code: {threshold: value}}``.
        source: The file it was read from, for messages.
    """

    ignore: tuple[str, ...] = ()
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    source: str = "the defaults"


def read_settings(folder: Path | None = None) -> Settings:
    """Read the nearest pyproject.toml, from a folder (the working folder) upwards.

    Raises:
        InvalidInput: The file is no TOML, or its ``[tool.remedy]`` holds something unknown.
    """
    start = (folder or Path.cwd()).resolve()
    file = next((f for f in (p / "pyproject.toml" for p in (start, *start.parents)) if f.is_file()), None)
    if file is None:
        return Settings()
    try:
        tools = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}. Mend it, or start from another folder.") from error
    table = tools.get("remedy", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise InvalidInput(f"remedy in [tool] of {file} must be a table: [tool.remedy], and below it ignore = [...].")
    unknown = set(table) - {"ignore", "thresholds"}
    if unknown:
        raise InvalidInput(
            f"[tool.remedy] in {file} holds {', '.join(sorted(unknown))}; it may hold ignore = [...] and "
            "[tool.remedy.thresholds]."
        )
    ignore, thresholds = table.get("ignore", []), table.get("thresholds", {})
    if not (isinstance(ignore, list) and all(isinstance(name, str) for name in ignore)):
        raise InvalidInput(f'ignore in [tool.remedy] of {file} must be a list such as ["DAT102"].')
    if not (isinstance(thresholds, dict) and all(isinstance(v, dict) for v in thresholds.values())):
        raise InvalidInput(f"[tool.remedy.thresholds] of {file} must read like dead-units = {{fraction = 0.6}}.")
    for name, values in thresholds.items():
        if bad := [key for key, v in values.items() if isinstance(v, bool) or not isinstance(v, (int, float))]:
            raise InvalidInput(
                f"{name}.{bad[0]} = {values[bad[0]]!r} in [tool.remedy.thresholds] of {file} is no number."
            )
    return Settings(tuple(ignore), thresholds, str(file))
