"""How a network is made and trained, as frozen data that can be stored, changed and built anew.

`recipe` is the data itself, `architecture` the layers; the others read a live program into it, and spell it as Python.
A remedy is a function from one recipe to another.
"""

from remedy.recipe.architecture import Architecture
from remedy.recipe.recipe import Recipe

__all__ = ["Architecture", "Recipe"]
