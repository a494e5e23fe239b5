"""How the package is built: circles of imports, imports that run upwards, layers, and files in the root.

    python benchmarks/house.py
    python benchmarks/house.py --json

Imports that stand under ``if TYPE_CHECKING`` count like any other. A room is a folder of the package, or a file in its
root. The order of the rooms is that of the contract in pyproject.toml.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tomllib
from collections.abc import Iterable
from pathlib import Path

import grimp
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).parents[1]
Arrow = tuple[str, str]


def arrows() -> list[Arrow]:
    """Return who imports whom, modules of the package alone."""
    graph = grimp.build_graph("remedy", exclude_type_checking_imports=False)
    found = sorted(graph.modules)
    return [(one, other) for one in found for other in sorted(graph.find_modules_directly_imported_by(one))]


def room(module: str) -> str:
    """Return the folder of a module, or itself where it stands in the package's root."""
    return ".".join(module.split(".")[:2])


def circles(found: Iterable[Arrow]) -> list[list[str]]:
    """Return the groups of names that import one another in a circle."""
    found = list(found)
    names = sorted(set(itertools.chain.from_iterable(found)))
    at = {name: i for i, name in enumerate(names)}
    rows, columns = [at[one] for one, _ in found], [at[other] for _, other in found]
    matrix = csr_array((np.ones(len(found)), (rows, columns)), shape=(len(names), len(names)))
    _, group = connected_components(matrix, directed=True, connection="strong")
    parts = [[name for name in names if group[at[name]] == number] for number in np.unique(group)]
    return [part for part in parts if len(part) > 1]


def layers(found: Iterable[Arrow]) -> int:
    """Return how many names stand above one another on the longest way down."""
    below: dict[str, set[str]] = {}
    for one, other in found:
        below.setdefault(one, set()).add(other)
    deep: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in deep:
            deep[name] = 1  # A circle ends here.
            deep[name] = 1 + max((depth(other) for other in below.get(name, ())), default=0)
        return deep[name]

    return max(map(depth, below))


def upwards(found: Iterable[Arrow]) -> list[str]:
    """Return the imports that run from a lower to a higher room of the contract."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    order = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    height = {name.strip(): i for i, line in enumerate(order) for name in line.split("|")}
    between = [(one, other) for one, other in found if room(one) in height and room(other) in height]
    return [f"{one} -> {other}" for one, other in between if height[room(one)] > height[room(other)]]


def main() -> None:
    """Count, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args()
    found = arrows()
    between = sorted({(room(one), room(other)) for one, other in found if room(one) != room(other)})
    told = {
        "circles of modules": circles(found),
        "circles of rooms": circles(arrow for arrow in between if arrow[0] != "remedy"),
        "imports upwards": upwards(found),
        "layers of rooms": layers(between),
        "layers of modules": layers(found),
        "files in the root": len(list((ROOT / "remedy").glob("*.py"))),
    }
    for name, value in told.items():
        print(f"{name}: {value if isinstance(value, int) else len(value)}")
        for item in () if isinstance(value, int) else value:
            print("   ", item if isinstance(item, str) else " <-> ".join(item))
    if args.json:
        print(json.dumps({name: value if isinstance(value, int) else len(value) for name, value in told.items()}))


if __name__ == "__main__":
    main()
