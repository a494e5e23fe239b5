"""The test kit: contracts that every detector and remedy keeps, and an engine that follows a script.

For authors of plugins::

    from remedy.testing import contract_tests

    test_contracts = contract_tests("my_package")
"""

from remedy.testing.checks import check_patch, check_patches, check_rewritten, check_saved, check_unchanged
from remedy.testing.contracts import contract_tests
from remedy.testing.specimens import specimen
from remedy.training.engines.scripted import ScriptedEngine

__all__ = [
    "ScriptedEngine",
    "check_patch",
    "check_patches",
    "check_rewritten",
    "check_saved",
    "check_unchanged",
    "contract_tests",
    "specimen",
]
