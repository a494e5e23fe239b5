"""One file per trouble: a class with a code, a name, a docstring and ``detect``."""
