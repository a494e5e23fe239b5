"""Doing it: a training of the user's that is watched, and trainings of recipes by engines.

`recorder` is the Keras callback that gathers evidence; `fit_recipe` and `loop` train a recipe, `engines` decide where.
"""
