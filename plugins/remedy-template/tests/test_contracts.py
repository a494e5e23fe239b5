from remedy.testing import contract_tests

test_contracts = contract_tests("remedy_template")
