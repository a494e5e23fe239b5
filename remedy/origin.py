"""Whether a part of a program is Keras' own or the user's: told by its package, and not by how a name begins.

A script may be called ``keras_losses.py``; its classes are the user's all the same.
"""

from __future__ import annotations

from typing import Any


def package(module: Any) -> str:
    """Return the package of a module's name.

    Example:
        >>> package("keras.src.losses"), package("keras_losses")
        ('keras', 'keras_losses')
    """
    return str(module or "").split(".", maxsplit=1)[0]


def is_keras(part: Any) -> bool:
    """Say whether a class, a function, or the class of an object is Keras' own.

    Args:
        part: A class, a function, or any other object.
    """
    kind = part if isinstance(part, type) or hasattr(part, "__name__") else type(part)
    return package(getattr(kind, "__module__", "")) == "keras"
