"""What differs between two recipes: steps of the networks side by side, and how they are trained."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from remedy.comparing import spelling
from remedy.comparing.difference import NONE, Block, Difference, Found, training_differences
from remedy.comparing.network import Network, Step, read
from remedy.comparing.spelling import Spec
from remedy.errors import NotApplicable
from remedy.evidence.model_facts import NORMALIZERS
from remedy.recipe.architecture import Architecture
from remedy.recipe.readers import DROPOUTS
from remedy.recipe.recipe import Recipe

PLACES = 4
"""Places that are listed by name."""

INPUT_SCALING = ("Rescaling", "Normalization")

Path = tuple[str, ...]


@dataclass(frozen=True)
class Aligned:
    """Two recipes side by side.

    Attributes:
        a, b: The recipes.
        networks: Their networks, or None where one cannot be read.
        pairs: Steps of A and B that stand for one another, equal or changed.
        found: Everything that differs or is spelt differently.
        unread: Why networks could not be read, or None.
    """

    a: Recipe
    b: Recipe
    networks: tuple[Network, Network] | None
    pairs: Mapping[int, int] = field(default_factory=dict)
    found: tuple[Found, ...] = ()
    unread: str | None = None

    @property
    def logits(self) -> tuple[bool, bool]:
        """Which of the two answer with logits where the other answers with probabilities."""
        return self.a.from_logits and not self.b.from_logits, self.b.from_logits and not self.a.from_logits


def align(a: Recipe, b: Recipe) -> Aligned:
    """Find everything that differs between two recipes; those of models that are not compiled have no optimizer."""
    try:
        networks = read(a.architecture), read(b.architecture)
    except NotApplicable as error:
        whole = _whole_models(a.architecture, b.architecture)
        return Aligned(a, b, None, {}, (*whole, *training_differences(a, b)), str(error))
    first, second = (
        _with_head(network, recipe, other) for network, recipe, other in zip(networks, (a, b), (b, a), strict=True)
    )
    pairs = _pairs(first.steps, second.steps)
    blocks = _blocks(pairs, first.steps, second.steps)
    apart = spelling.loss(a.loss) != spelling.loss(b.loss) or a.from_logits != b.from_logits
    found = (
        *_spelt(a.architecture, b.architecture, first, second, pairs),
        *_grouped(_block(first, second, block, apart) for block in blocks),
        *_connections(first, second, pairs),
        *_kept_weights(a, b, first, second, pairs),
        *training_differences(a, b),
    )
    return Aligned(a, b, networks, pairs, found)


def _with_head(network: Network, recipe: Recipe, other: Recipe) -> Network:
    """Add the softmax or sigmoid that a loss with ``from_logits`` applies, where the other loss does not."""
    if not recipe.from_logits or other.from_logits or len(network.outputs) != 1:
        return network
    function = "sigmoid" if str(spelling.loss(recipe.loss)).startswith("binary") else "softmax"
    step = Step(Spec(function), network.outputs, ("loss",), f"{function} within the loss", {}, {}, True)
    return Network((*network.steps, step), ((len(network.steps), 0),))


def _pairs(a: tuple[Step, ...], b: tuple[Step, ...]) -> dict[int, int]:
    """Pair steps of A with those of B: equal ones first, then, between those, changed ones of one kind."""
    pairs: dict[int, int] = {}
    forms: list[list[Any]] = [[step.spec if step.sources else "input" for step in steps] for steps in (a, b)]
    for op, i1, i2, j1, j2 in SequenceMatcher(None, forms[0], forms[1], False).get_opcodes():
        if op == "equal":
            pairs |= dict(zip(range(i1, i2), range(j1, j2), strict=True))
        elif op == "replace":
            kinds = [step.kind for step in a[i1:i2]], [step.kind for step in b[j1:j2]]
            for i, j, n in SequenceMatcher(None, *kinds, False).get_matching_blocks():
                pairs |= {i1 + i + k: j1 + j + k for k in range(n)}
    pairs = _slid(pairs, a, b)
    return {i: j for j, i in _slid({j: i for i, j in pairs.items()}, b, a).items()}


def _slid(pairs: dict[int, int], a: tuple[Step, ...], b: tuple[Step, ...]) -> dict[int, int]:
    """Let what stands in B alone begin with the weights of a block where it can as well.

    Of ``Conv, relu, Conv, relu`` against ``Conv, relu`` either ``relu, Conv`` or ``Conv, relu`` may be the new one.
    """
    pairs = dict(sorted(pairs.items()))
    before = -1
    for i, j in list(pairs.items()):
        if j - before > 1 and i - 1 in pairs and pairs[i - 1] == before and not b[before + 1].has_kernel:
            first, n = before + 1, 0
            while pairs.get(i + n) == j + n and b[first + n].spec == a[i + n].spec == b[j + n].spec:
                n += 1
                if b[first + n].has_kernel:
                    pairs |= {i + k: first + k for k in range(n)}
                    break
        before = pairs[i]
    return pairs


def _blocks(pairs: Mapping[int, int], a: tuple[Step, ...], b: tuple[Step, ...]) -> list[Block]:
    """Return what lies between the pairs, and every pair that is not equal, in order."""
    found, at = [], (0, 0)
    for i, j in [*sorted(pairs.items()), (len(a), len(b))]:
        if (i, j) != at:
            found.append((at[0], i, at[1], j))
        if i < len(a) and a[i].spec != b[j].spec:
            found.append((i, i + 1, j, j + 1))
        at = i + 1, j + 1
    return found


def _block(first: Network, second: Network, block: Block, other_loss: bool) -> Found:
    """Name one block; the end of a head goes with its loss."""
    i1, i2, j1, j2 = block
    ours, theirs = first.steps[i1:i2], second.steps[j1:j2]
    kinds = {step.kind for step in (*ours, *theirs)}
    early = i1 <= min((i for i, step in enumerate(first.steps) if step.has_kernel), default=i1)
    if kinds == {"InputLayer"}:
        part = "input"
    elif kinds <= set(INPUT_SCALING) and early:
        part = "input scaling"
    elif i2 > first.head or j2 > second.head:
        part = "head"
    elif kinds == {"activation"}:
        part = "activation"
    elif kinds <= set(DROPOUTS):
        part = "dropout"
    elif kinds <= set(NORMALIZERS):
        part = "normalization"
    else:
        part = "layer" if max(len(ours), len(theirs)) == 1 else "block of layers"
    names = [repr(step.path[-1]) for step in (ours[:1] or theirs[:1])]
    place = f"at {names[0]}" if ours else f"behind {first.steps[i1 - 1].path[-1]!r}" if i1 else "first"
    unknown = kinds == {"InputLayer"} and any(step.spec.get("shape") is None for step in (*ours, *theirs))
    text = [" + ".join(str(step.spec) for step in steps) or NONE for steps in (ours, theirs)]
    if len(ours) == len(theirs) == 1 and _trained(ours[0]) == _trained(theirs[0]):
        part = "frozen layers"
        text = ["trained" if step.spec.get("trainable") is None else "frozen" for step in (*ours, *theirs)]
    difference = Difference(
        part, text[0], text[1], place if not unknown else "its shape is not stated in both", unknown
    )
    ends = part == "head" and (i2 == len(first.steps) or j2 == len(second.steps))
    return Found(difference, (block,), ("loss",) if ends and other_loss else ())


def _grouped(found: Iterable[Found]) -> list[Found]:
    """Put equal changes at several places together."""
    groups: dict[Any, list[Found]] = {}
    for one in found:
        known = one.difference
        groups.setdefault((known.part, known.a, known.b), []).append(one)
    together = []
    for group in groups.values():
        where = _listed(one.difference.where for one in group)
        where = f"{len(group)} times: {where}" if len(group) > 1 else where
        blocks = tuple(block for one in group for block in one.blocks)
        together.append(Found(replace(group[0].difference, where=where), blocks, group[-1].fields))
    return together


def _connections(first: Network, second: Network, pairs: Mapping[int, int]) -> list[Found]:
    """Return steps that read other steps than their partners do."""
    theirs, found = set(pairs.values()), []
    for i, j in pairs.items():
        ours, other = first.steps[i].sources, second.steps[j].sources
        turned = [
            (s, t)
            for s, t in zip(ours, other, strict=False)
            if (pairs.get(s[0]) != t[0] and s[0] in pairs and t[0] in theirs) or s[1] != t[1]
        ]
        if turned or len(ours) != len(other):
            reads = [
                ", ".join(network.steps[at].path[-1] for at, _ in sources)
                for network, sources in ((first, ours), (second, other))
            ]
            found.append(
                Found(Difference("connections", reads[0], reads[1], f"what {first.steps[i].path[-1]!r} reads"))
            )
    return found


def _spelt(a: Architecture, b: Architecture, first: Network, second: Network, pairs: Mapping[int, int]) -> list[Found]:
    """Return what is one function in two spellings: the API, layers, and their names."""
    found = []
    kinds = [str(part.config["class_name"]) for part in (a, b)]
    if kinds[0] != kinds[1]:
        found.append(Difference("API", kinds[0], kinds[1], "", True))
    equal = [(i, j) for i, j in sorted(pairs.items()) if first.steps[i].spec == second.steps[j].spec]
    changed = _paths(first, {i for i, _ in equal}), _paths(second, {j for _, j in equal})
    groups: list[tuple[dict[Path, str], dict[Path, str]]] = []
    for i, j in equal:
        ours, theirs = first.steps[i], second.steps[j]
        if not groups or not (ours.path in groups[-1][0] or theirs.path in groups[-1][1]):
            groups.append(({}, {}))
        groups[-1][0][ours.path], groups[-1][1][theirs.path] = ours.written, theirs.written
    spelt: dict[tuple[str, str], list[str]] = {}
    for left, right in groups:
        texts = " + ".join(left.values()), " + ".join(right.values())
        if texts[0] != texts[1] and not (changed[0] & {*left} or changed[1] & {*right}):
            spelt.setdefault(texts, []).append(repr(next(iter(left))[-1]))
    for texts, places in spelt.items():
        times = f"{len(places)} times: " if len(places) > 1 else ""
        found.append(Difference("spelling", texts[0], texts[1], f"{times}at {_listed(places)}", True))
    given = [[name for step in network.steps if (name := _own_name(step))] for network in (first, second)]
    names = [", ".join(own) or "Keras' own" for own in given]
    if given[0] != given[1]:
        found.append(Difference("layer names", names[0], names[1], "", True))
    return [Found(difference) for difference in found]


def _paths(network: Network, equal: set[int]) -> set[Path]:
    """Return the layers of which a step has no equal partner."""
    return {step.path for at, step in enumerate(network.steps) if at not in equal}


def _own_name(step: Step) -> str | None:
    """Return the name that a layer with weights was given, None where Keras gave it."""
    name = re.sub(r"_\d+$", "", step.path[-1])
    return step.path[-1] if step.has_kernel and name != spelling.snake(step.spec.kind) else None


def _kept_weights(a: Recipe, b: Recipe, first: Network, second: Network, pairs: Mapping[int, int]) -> list[Found]:
    """Return layers whose weights belong to the recipe (frozen, or adapted to data) and are not the same, as one."""
    if not a.kept_weights or not b.kept_weights:
        return []  # A logged recipe does not hold them.
    layers = {first.steps[i].path: (i, j) for i, j in sorted(pairs.items(), reverse=True)}
    blocks, places, far = [], [], 0.0
    for i, j in reversed(layers.values()):
        names = first.steps[i].path[-1], second.steps[j].path[-1]
        ours, theirs = a.kept_weights.get(names[0]), b.kept_weights.get(names[1])
        if ours is None or theirs is None or [w.shape for w in ours] != [w.shape for w in theirs]:
            continue
        apart = max(float(np.max(np.abs(p - q), initial=0)) for p, q in zip(ours, theirs, strict=True))
        if apart > 0:
            blocks.append((i, i + 1, j, j + 1))
            places.append(repr(names[0]))
            far = max(far, apart)
    known = Difference("frozen weights", "its own", f"up to {far:.3g} from them", f"at {_listed(places)}")
    return [Found(known, tuple(blocks))] if blocks else []


def _listed(places: Iterable[str]) -> str:
    """List the first places, and say how many there are more."""
    own = list(dict.fromkeys(places))
    return ", ".join(own[:PLACES]) + (f" and {len(own) - PLACES} more" if len(own) > PLACES else "")


def _trained(step: Step) -> Spec:
    """Return what a step is, frozen or not."""
    return step.spec.with_settings(trainable=None)


def _whole_models(a: Architecture, b: Architecture) -> list[Found]:
    """Compare models whose layers cannot be read: by their classes and settings alone."""
    if a.config == b.config:
        return []
    texts = [str(Spec(str(part.config.get("class_name")))) for part in (a, b)]
    return [Found(Difference("model", texts[0], texts[1], "its layers cannot be read one by one"))]
