"""What really differs between two models or two runs, and which difference made the result.

::

    spelling.py     normal forms of layers, activations, losses, optimizers
    network.py      a model as steps in normal form, and back
    difference.py   one difference; those in how a model is trained
    alignment.py    two networks side by side
    sameness.py     equal weights, equal rows: equal answers?
    transplant.py   a recipe with one difference of another
    attribution.py  trains them: which difference makes the result
    comparison.py   compare() of two models
    runs.py         compare_runs() of two logged runs
"""
