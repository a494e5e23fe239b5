import remedy

from ..conftest import healthy_program


def test_a_run_below_what_its_author_expects_is_stuck_and_one_above_is_not(store):
    quick = {"epochs": 3, "verbose": 0, "search": False, "validation_split": 0.2}
    low = remedy.fit(*healthy_program(), expect=1.01, **quick)
    assert "below-expectation" in {d.name for d in low.diagnoses}
    assert low.stuck
    high = remedy.fit(*healthy_program(), expect=0.5, **quick)
    assert not high.stuck
