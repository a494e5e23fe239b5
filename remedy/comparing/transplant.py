"""A recipe with one difference of another: layers, loss, optimizer, or any other part of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from remedy.comparing.alignment import Aligned
from remedy.comparing.difference import Block, Found
from remedy.comparing.network import Network, Source, Step, write
from remedy.comparing.spelling import snake
from remedy.errors import NotApplicable
from remedy.recipe.recipe import Recipe

_GUEST = "guest"
"""Marks the paths of layers that were taken over."""


def transplanted(aligned: Aligned, found: Found, back: bool = False) -> Recipe:
    """Return recipe A with one difference of B.

    Args:
        aligned: Two recipes side by side.
        found: The difference.
        back: Return B with that of A instead.

    Raises:
        NotApplicable: It cannot be taken over by itself.
    """
    if found.difference.part in ("input", "connections", "model"):
        raise NotApplicable(f"{found.difference.part} cannot be exchanged alone")
    host, guest = (aligned.b, aligned.a) if back else (aligned.a, aligned.b)
    changed = host
    for name in found.fields:
        if name == "learning_rate":
            changed = changed.with_optimizer(learning_rate=copy.deepcopy(_rate(guest)))
        elif name == "optimizer":
            other = guest.with_optimizer(learning_rate=copy.deepcopy(_rate(host)))
            changed = changed.replace(optimizer=other.optimizer)
        elif name == "loss" and not found.blocks:
            changed = changed.replace(loss=_with_logits(guest.loss, host.from_logits))
        else:
            changed = changed.replace(**{name: getattr(guest, name)})
    own = {**guest.custom_objects, **host.custom_objects}
    changed = changed.replace(custom_objects=own, trusted=host.trusted and guest.trusted)
    if not found.blocks or aligned.networks is None:
        return changed
    networks, pairs, blocks = aligned.networks, dict(aligned.pairs), found.blocks
    if back:
        networks, pairs = (networks[1], networks[0]), {j: i for i, j in pairs.items()}
        blocks = tuple((j1, j2, i1, i2) for i1, i2, j1, j2 in blocks)
    architecture, paths = write(_Hybrid(*networks, pairs, blocks).network())
    kept = {}
    for name, path in paths.items():
        weights = (guest if path[0] == _GUEST else host).kept_weights.get(path[-1])
        if weights is not None:
            kept[name] = weights
    return changed.replace(architecture=architecture, kept_weights=kept, factory=None)


def takes_rows(recipe: Recipe) -> Recipe:
    """Return a recipe whose loss takes one-hot rows instead of ids."""
    if isinstance(recipe.loss, str):
        return recipe.replace(loss="categorical_crossentropy")
    config = {k: v for k, v in recipe.loss_options.items() if k not in ("ignore_class", "name")}
    return recipe.replace(loss=_loss_object("CategoricalCrossentropy", config))


def _with_logits(loss: Any, from_logits: bool) -> Any:
    """Return a loss that takes logits, or probabilities, as the head that it shall stand behind gives them."""
    options = loss.get("config") if isinstance(loss, Mapping) else None
    if bool(isinstance(options, Mapping) and options.get("from_logits")) == from_logits:
        return copy.deepcopy(loss)
    if isinstance(options, Mapping):
        return {**loss, "config": {**options, "from_logits": from_logits}}
    import keras

    wanted = options if isinstance(options, str) else str(loss)
    name = next((n for n in dir(keras.losses) if n[0].isupper() and snake(n) == wanted), None)
    if name is None:
        raise NotApplicable(f"it is not known how {wanted} takes logits")
    return _loss_object(name, {"from_logits": from_logits})


def _loss_object(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {"module": "keras.losses", "class_name": name, "config": dict(config), "registered_name": None}


def _rate(recipe: Recipe) -> Any:
    return recipe.descent["config"].get("learning_rate", 0.001)


class _Hybrid:
    """A host network in which blocks were replaced by those of a guest."""

    def __init__(self, host: Network, guest: Network, pairs: Mapping[int, int], blocks: Sequence[Block]) -> None:
        """Place the steps."""
        self._host, self._guest, self._pairs = host, guest, pairs
        self._partners = {j: i for i, j in pairs.items()}
        self._hosts: dict[int, int] = {}
        self._guests: dict[int, int] = {}
        gone = {i for i1, i2, _, _ in blocks for i in range(i1, i2)}
        n = 0
        for i in range(len(host.steps) + 1):
            for _, _, j1, j2 in sorted(block for block in blocks if block[0] == i):
                for j in range(j1, min(j2, len(guest.steps))):
                    self._guests[j], n = n, n + 1
            if i < len(host.steps) and i not in gone:
                self._hosts[i], n = n, n + 1

    def network(self) -> Network:
        """Return the steps, each connected with what stands where it read before."""
        placed: dict[int, Step] = {}
        for i, at in self._hosts.items():
            placed[at] = replace(self._host.steps[i], sources=self._sources(i))
        for j, at in self._guests.items():
            step, partner = self._guest.steps[j], self._partners.get(j)
            alike = partner is not None and len(self._host.steps[partner].sources) == len(step.sources)
            sources = (
                self._sources(partner) if partner is not None and alike else tuple(map(self._of_guest, step.sources))
            )
            placed[at] = replace(step, path=(_GUEST, *step.path), sources=sources)
        outputs = self._connected(self._host.outputs, self._guest.outputs)
        return Network(tuple(placed[at] for at in sorted(placed)), outputs)

    def _sources(self, i: int) -> tuple[Source, ...]:
        """Return what the host's step i, or what replaces it, reads."""
        mine = self._host.steps[i].sources
        known = self._pairs.get(i, len(self._guest.steps)) < len(self._guest.steps)
        return self._connected(mine, self._guest.steps[self._pairs[i]].sources if known else ())

    def _connected(self, mine: Sequence[Source], theirs: Sequence[Source]) -> tuple[Source, ...]:
        """Connect sources of the host; those of the partner in the guest tell what new steps stand between."""
        if len(theirs) != len(mine):
            return tuple(map(self._of_host, mine))
        found = []
        for own, other in zip(mine, theirs, strict=True):
            if other[0] in self._guests:
                found.append((self._guests[other[0]], other[1]))
            elif own[0] in self._hosts:
                found.append((self._hosts[own[0]], own[1]))
            else:
                found.append(self._of_guest(other))
        return tuple(found)

    def _of_host(self, source: Source) -> Source:
        """Follow a source of the host back to a step that is there."""
        at, part = source
        while at not in self._hosts:
            if self._pairs.get(at) in self._guests:
                return self._guests[self._pairs[at]], part
            at, part = _before(self._host, at)
        return self._hosts[at], part

    def _of_guest(self, source: Source) -> Source:
        """Follow a source of the guest back to a step that is there, or that has a partner there."""
        at, part = source
        while at not in self._guests:
            partner = self._partners.get(at)
            if partner in self._hosts:
                return self._hosts[partner], part
            at, part = _before(self._guest, at)
        return self._guests[at], part


def _before(network: Network, at: int) -> Source:
    if not network.steps[at].sources:
        raise NotApplicable("what it reads stands nowhere in the other model")
    return network.steps[at].sources[0]
