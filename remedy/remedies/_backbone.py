"""What remedies share that set which layers of a fine-tuned network are trained."""

from __future__ import annotations

from collections.abc import Callable, Collection

from remedy.recipe.architecture import Architecture, LayerConfig, name_of
from remedy.recipe.recipe import LATER_RATE, Recipe
from remedy.recipe.source_code import compile_line
from remedy.recipe.starting_weights import pretrained
from remedy.remedies._layers import head_layers


def set_trainable(architecture: Architecture, names: Collection[str], trainable: bool) -> Architecture:
    """Return a copy in which the named layers are trained, or are not; models around a trained one are so, too."""

    def holds(entry: LayerConfig) -> bool:
        inner = entry["config"].get("layers")
        return isinstance(inner, list) and any(name_of(part) in names or holds(part) for part in inner)

    def change(entry: LayerConfig) -> None:
        if name_of(entry) in names or (trainable and holds(entry)):
            entry["config"]["trainable"] = trainable

    changed = architecture.edit(change)
    whole = changed.config["config"]
    if trainable and whole.get("trainable") is False:  # The model itself may be frozen.
        changed = Architecture({**changed.config, "config": {**whole, "trainable": True}})
    return changed


def backbone(recipe: Recipe) -> list[str]:
    """Return the layers that began from loaded weights and are trained; heads are not among them."""
    known, heads = pretrained(recipe), {name_of(entry) for entry in head_layers(recipe.architecture)}
    return _named(recipe, lambda entry: name_of(entry) in known - heads and entry["config"].get("trainable", True))


def frozen(recipe: Recipe) -> list[str]:
    """Return the layers with weights of their own that are not trained."""
    return _named(
        recipe, lambda entry: name_of(entry) in recipe.kept_weights and not entry["config"].get("trainable", True)
    )


def _named(recipe: Recipe, wanted: Callable[[LayerConfig], bool]) -> list[str]:
    return [name_of(entry) for entry in recipe.architecture.layers() if wanted(entry)]


OPENED = "for layer in [model, *inside(model)]:\n    layer.trainable = True"
"""Lines that let every layer be trained: a layer is trained only where all models around it are."""


def frozen_lines(names: Collection[str]) -> str:
    """Return the lines of Python that freeze layers of ``model``, which a patch names as remedy saw them."""
    listed = ", ".join(repr(name) for name in names)
    lines = [
        f"chosen = [layer for layer in inside(model) if layer.name in [{listed}]]",
        f"assert len(chosen) == {len(names)}, 'these lines were written for another model'",
        "for layer in chosen:",
        "    layer.trainable = False",
    ]
    return "\n".join(lines)


def head_first_lines(recipe: Recipe) -> str:
    """Return the lines of Python that train the head of ``model`` first, and leave the rest to ``fit``.

    Args:
        recipe: With all remedies applied; its loaded layers are frozen in ``model``, which is compiled.
    """
    listed = ", ".join(repr(name) for name in backbone(recipe))
    lower = recipe.with_optimizer(learning_rate=recipe.learning_rate * LATER_RATE)
    return (
        f"model.fit(X_train, y_train, **{{**fit, 'epochs': {recipe.warm_up}}})  # the head alone\n"
        "for layer in inside(model):\n"
        f"    if layer.name in [{listed}]:\n"
        "        layer.trainable = True\n"
        f"{compile_line(lower)}\n"
        f"fit |= {{'initial_epoch': {recipe.warm_up}}}"
    )
