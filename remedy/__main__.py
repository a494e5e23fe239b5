"""``python -m remedy``."""

from remedy.cli import main

main()
