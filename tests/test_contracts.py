"""Every registered detector and remedy keeps the contract."""

from remedy.testing import contract_tests

test_detectors = contract_tests("remedy.detectors")
test_remedies = contract_tests("remedy.remedies")
