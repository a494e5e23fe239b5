"""Recipe: how a model is made and trained, as frozen, serialisable data.

``Recipe.from_model`` reads one from a compiled Keras model; remedies return changed copies;
`Recipe.build` gives a fresh compiled model with new weights. Equal recipes have equal digests.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.errors import ModelError, NotApplicable
from remedy.keras_internals import layers_by_key
from remedy.recipe import reading
from remedy.recipe.architecture import Architecture
from remedy.recipe.input_scaling import InputScaling, scaled
from remedy.recipe.live_model import Model
from remedy.recipe.stored import WAY_ON, checked
from remedy.recipe.target_coding import TargetCoding, coding_from_dict

LATER_RATE = 0.1
"""Share of the rate at which loaded layers are trained behind a head that was trained first."""


@dataclass(frozen=True)
class Resampling:
    """Rows drawn again, on the training part only: "random" copies, "smote" mixtures, or "balanced" classes."""

    kind: str


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        architecture: The layers.
        optimizer: Keras' optimizer configuration, ``{"class_name", "config", ...}``.
        loss, loss_weights, metrics, weighted_metrics: Serialised as Keras does.
        batch_size: Rows a step; None means Keras' default of 32.
        epochs: Epochs the user asked for.
        steps_per_epoch: As given to ``fit``, or None.
        class_weight: ``{class index: weight}`` or None.
        shuffle: As given to ``fit``.
        input_scaling: Scaling inside the model, or None.
        resampling: Resampling of the training rows, or None.
        target: Coding of the target for training, or None for the user's own.
        restarts: Initial weights to try for a few epochs; training goes on from those with the lowest loss.
        resplit: True where training and validation rows are put together and split anew, classes kept in shares.
        jit_compile: As compiled.
        run_eagerly: As compiled; it counts where the layers cannot be read, for such a ``call`` may ask for values.
        callbacks: The user's own callbacks that steer a training, as `remedy.recipe.own_callbacks` writes them down.
        threshold: "half", or "moved" where the bias of a binary head is shifted after training, so that one half
            becomes the threshold that is best on the validation rows.
        warm_up: Epochs in which the layers that began from loaded weights stay as they are; from then on they are
            trained too, at a tenth of the rate.
        unweighted: True where the weights that were given to rows are left out.
        traced: True where the layers are those that the ``call`` of a subclassed model was seen to use.
        trusted: True for the user's live model, whose Lambda layers may run; a recipe read from a
            store never runs code that it carries.
        factory: The user's ``build=``: makes a fresh model where Keras cannot rebuild it from a configuration.
        custom_objects: The user's own classes and functions by name; kept out of JSON and digest.
        unbuildable: Why no fresh model can be made of it, or None: such a recipe says how the program trains, no more.
        own_loss: The user's own loss, live, with the configuration that stands for it; None where Keras can spell it.
        kept_weights: Weights that belong to the recipe and not to chance, by layer name: frozen
            layers and layers adapted to data. Kept out of JSON, in a file of their own beside it.
    """

    architecture: Architecture
    optimizer: Mapping[str, Any]
    loss: Any
    metrics: Any = None
    weighted_metrics: Any = None
    loss_weights: Any = None
    batch_size: int | None = None
    epochs: int = 1
    steps_per_epoch: int | None = None
    class_weight: Mapping[int, float] | None = None
    shuffle: bool = True
    input_scaling: InputScaling | None = None
    resampling: Resampling | None = None
    target: TargetCoding | None = None
    restarts: int = 1
    resplit: bool = False
    jit_compile: Any = "auto"
    run_eagerly: bool = False
    callbacks: tuple[Mapping[str, Any], ...] = ()
    threshold: str = "half"
    traced: bool = False
    warm_up: int = 0
    unweighted: bool = False
    trusted: bool = field(default=False, repr=False, compare=False)
    factory: Callable[[], Model] | None = field(default=None, repr=False, compare=False)
    custom_objects: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    unbuildable: str | None = field(default=None, repr=False, compare=False)
    own_loss: tuple[Any, Any] | None = field(default=None, repr=False, compare=False)
    kept_weights: Mapping[str, list[Any]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_model(cls, model: Model, fit: Mapping[str, Any], build: Callable[[], Model] | None = None) -> Recipe:
        """Read a compiled model and the keywords of its ``fit`` call.

        Args:
            model: The compiled model.
            fit: Keywords of ``Model.fit``.
            build: Makes a fresh model like this one. One of Keras' layers throughout is read in its
                place, and its layers can be operated on; any other is at least built anew by it.

        Raises:
            ModelError: The model is not compiled, or no fresh one can be made.
        """
        return cls(**reading.program(model, fit, build))

    @classmethod
    def of_unbuildable(cls, model: Model, fit: Mapping[str, Any], reason: str) -> Recipe:
        """Read how a compiled model is trained, where the model itself cannot be written down."""
        return cls(**reading.training(model, fit), architecture=Architecture.unread(model, reason), unbuildable=reason)

    @classmethod
    def of_layers(cls, model: Model, fit: Mapping[str, Any]) -> Recipe:
        """Read a model that is not compiled: its recipe has no optimizer and no loss, so it cannot be built."""
        batches: dict[str, Any] = {"batch_size": fit.get("batch_size"), "epochs": int(fit.get("epochs", 1))}
        return cls(optimizer={}, loss=None, trusted=True, **batches, **reading.layers(model))

    def build(self, dataset: Dataset, seed: int) -> Model:
        """Return a fresh compiled model; scaling is fitted on ``dataset.train`` only.

        Args:
            dataset: Gives the rows that scaling layers are fitted on.
            seed: Sets the initial weights and every later random draw of the backend.

        Raises:
            ModelError: Keras cannot build these layers on this data.
        """
        import keras

        from remedy.recipe.seeds import set_seeds

        if self.unbuildable is not None:
            raise ModelError(self.unbuildable)
        try:
            set_seeds(seed, self.own_code)
            # Keras rewrites configurations while it reads them, so it gets copies.
            config = copy.deepcopy(scaled(self.architecture, self.input_scaling, dataset).config)
            names = ("optimizer", "loss_weights", "metrics", "weighted_metrics")
            parts = {name: copy.deepcopy(getattr(self, name)) for name in names}
            with keras.saving.custom_object_scope(dict(self.custom_objects)):
                if self.factory is None:
                    model = keras.saving.deserialize_keras_object(config, safe_mode=not self.trusted)
                else:
                    model = self.factory()
                if not model.built:
                    model(arrays.take(dataset.train.X, slice(0, 1)))
                model.compile(
                    optimizer=keras.optimizers.deserialize(parts["optimizer"]),
                    loss=self.make_loss(),
                    loss_weights=parts["loss_weights"],
                    metrics=keras.saving.deserialize_keras_object(parts["metrics"]),
                    weighted_metrics=keras.saving.deserialize_keras_object(parts["weighted_metrics"]),
                    jit_compile=self.jit_compile,
                    run_eagerly=self.run_eagerly and bool(self.architecture.opaque),
                )
        except NotApplicable:
            raise
        except Exception as error:
            raise ModelError(f"Keras cannot build this recipe: {error}") from error
        by_name = layers_by_key(model)
        for name, weights in self.kept_weights.items():
            if name in by_name and [w.shape for w in weights] == [w.shape for w in by_name[name].get_weights()]:
                by_name[name].set_weights(weights)
                if hasattr(by_name[name], "finalize_state"):
                    by_name[name].finalize_state()  # Normalization computes with values derived from its weights.
        return model

    @property
    def delivers_raw(self) -> bool:
        """Whether the delivered model answers in the units of the user's own target."""
        return self.target is None or self.target.raw

    def make_loss(self) -> Any:
        """Return the loss, or the nest of losses, that a model is compiled with; the user's own one as it stands."""
        import keras

        if self.own_loss is not None and self.loss == self.own_loss[0]:
            return self.own_loss[1]
        with keras.saving.custom_object_scope(dict(self.custom_objects)):
            return keras.saving.deserialize_keras_object(copy.deepcopy(self.loss))

    @property
    def descent(self) -> Mapping[str, Any]:
        """The configuration of the optimizer itself, where another one is wrapped around it to scale the loss."""
        inner = self.optimizer.get("config", {}).get("inner_optimizer") if self.optimizer else None
        return inner if isinstance(inner, Mapping) else self.optimizer

    def coded(self, rows: Rows) -> Rows:
        """Return rows as this recipe trains on them: with its coding of the target, and with the weights it counts."""
        rows = replace(rows, sample_weight=None) if self.unweighted else rows
        return rows if self.target is None else self.target.rows(rows)

    def replace(self, **changes: Any) -> Recipe:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def with_optimizer(self, **settings: Any) -> Recipe:
        """Return a copy whose optimizer configuration has ``settings`` changed."""
        changed = {**self.descent, "config": {**self.descent["config"], **settings}}
        if self.descent is not self.optimizer:
            changed = {**self.optimizer, "config": {**self.optimizer["config"], "inner_optimizer": changed}}
        return self.replace(optimizer=changed)

    @property
    def learning_rate(self) -> float:
        """The initial learning rate, whether constant or scheduled."""
        rate = self.descent["config"].get("learning_rate", 0.001)
        if isinstance(rate, Mapping):
            inner = rate["config"]
            values = inner.get("values") or [0.001]
            rate = inner.get("initial_learning_rate", values[0])
        return float(rate)

    @property
    def loss_name(self) -> str | None:
        """Name of the loss in snake case, or None for several losses."""
        name = self.loss
        if isinstance(name, Mapping):
            name = name["config"].get("name") if isinstance(name.get("config"), Mapping) else name.get("config")
        return str(name) if isinstance(name, str) else None

    @property
    def from_logits(self) -> bool:
        """True where the loss expects raw scores and not probabilities."""
        return bool(self.loss_options.get("from_logits"))

    @property
    def loss_options(self) -> Mapping[str, Any]:
        """Settings of the loss, such as ``from_logits`` and ``label_smoothing``; empty for a plain function."""
        config = self.loss.get("config") if isinstance(self.loss, Mapping) else None
        return config if isinstance(config, Mapping) else {}

    @property
    def own_code(self) -> bool:
        """Whether training runs functions or classes of the user's own."""
        return bool(self.custom_objects or self.architecture.opaque or any(self.architecture.layers("Lambda")))

    @cached_property
    def digest(self) -> str:
        """A 16-digit digest of everything that is serialised."""
        text = json.dumps(self.to_dict(), sort_keys=True, default=str)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict; `from_dict` reads it back (custom objects and kept weights apart)."""
        return {
            "architecture": self.architecture.config,
            "opaque": self.architecture.opaque,
            "optimizer": dict(self.optimizer),
            "loss": self.loss,
            "metrics": self.metrics,
            "weighted_metrics": self.weighted_metrics,
            "loss_weights": self.loss_weights,
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "steps_per_epoch": self.steps_per_epoch,
            "class_weight": None
            if self.class_weight is None
            else {str(k): float(v) for k, v in self.class_weight.items()},
            "shuffle": self.shuffle,
            "input_scaling": None if self.input_scaling is None else vars(self.input_scaling),
            "resampling": None if self.resampling is None else vars(self.resampling),
            "target": None if self.target is None else self.target.to_dict(),
            "restarts": self.restarts,
            "resplit": self.resplit,
            "jit_compile": self.jit_compile,
            "run_eagerly": self.run_eagerly,
            "callbacks": [dict(spec) for spec in self.callbacks],
            "threshold": self.threshold,
            "traced": self.traced,
            "warm_up": self.warm_up,
            "unweighted": self.unweighted,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """Rebuild a recipe that `to_dict` wrote; it never runs code that it carries.

        Raises:
            ModelError: It holds keys that no recipe has, or values of another kind.
        """
        values = checked(data)
        weights, scaling, resampling = (values.pop(k) for k in ("class_weight", "input_scaling", "resampling"))
        try:
            return cls(
                architecture=Architecture(values.pop("architecture"), values.pop("opaque")),
                class_weight=None if weights is None else {int(k): float(v) for k, v in weights.items()},
                input_scaling=None if scaling is None else InputScaling(**scaling),
                resampling=None if resampling is None else Resampling(**resampling),
                target=coding_from_dict(values.pop("target", None)),
                callbacks=tuple(values.pop("callbacks", ())),
                **values,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:  # Inside of one of its parts.
            raise ModelError(f"A stored recipe cannot be read ({error!r}): {WAY_ON}") from error
