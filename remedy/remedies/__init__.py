"""One file per act: a class with a name, a dose space, a usual dose, ``apply`` and ``patch``."""
