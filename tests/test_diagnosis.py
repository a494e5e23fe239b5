from dataclasses import replace

import pytest

from remedy import registry
from remedy.detectors._base import Detector, Finding
from remedy.detectors.majority_collapse import MajorityCollapse
from remedy.diagnosis import diagnose, replay
from remedy.errors import InvalidInput, NotFound
from remedy.evidence.evidence import Evidence, InputFacts

SICK = MajorityCollapse.fires_on[0]


class Broken(Detector):
    code, name, severity = "OPT999", "broken", "error"

    def detect(self, loss):
        raise ZeroDivisionError("of all things")


class LossAboveOne(Detector):
    code, name = "OPT998", "loss-above-one"

    def detect(self, loss):
        return Finding(f"The loss is {loss[-1]}.") if loss[-1] > 1 else None


def test_every_detector_ends_in_exactly_one_place():
    found = diagnose(Evidence(task="regression", loss=(1.0, 2.0)), [*registry.detectors(), Broken()])
    names = [d.name for d in found.diagnoses]
    names += [*found.passed, *found.not_applicable, *found.not_recorded, *found.failed]
    assert sorted(names) == sorted([d.name for d in registry.detectors()] + ["broken"])
    assert found.failed["broken"] == "ZeroDivisionError: of all things"
    assert "regression" in found.not_applicable["majority-collapse"]


def test_an_error_makes_a_run_stuck_and_a_warning_does_not():
    wild = InputFacts("x", (3,), -900.0, 900.0, 0.0, 300.0)
    assert not diagnose(Evidence(inputs=(wild,)), registry.detectors()).stuck
    assert diagnose(SICK, registry.detectors()).stuck


def test_what_makes_a_run_stuck_comes_first():
    found = diagnose(replace(SICK, inputs=(InputFacts("x", (3,), 0.0, 9e3, 4e3, 2e3),)), registry.detectors())
    assert [d.name for d in found.diagnoses][:2] == ["majority-collapse", "unscaled-input"]
    assert found.cause.code == "GEN403"


def test_a_diagnosis_keeps_the_epoch_at_which_it_became_certain_and_stays():
    first = diagnose(Evidence(loss=(2.0,)), [LossAboveOne()])
    again = diagnose(Evidence(loss=(2.0, 3.0)), [LossAboveOne()], first.diagnoses)
    gone = diagnose(Evidence(loss=(2.0, 3.0, 0.5)), [LossAboveOne()], again.diagnoses)
    assert [e.diagnoses[0].epoch for e in (first, again, gone)] == [1, 1, 1]
    assert gone.passed == ()


def test_a_finished_run_is_examined_epoch_by_epoch():
    longer = replace(SICK, loss=SICK.loss + (0.82,) * 6, predicted_counts=((64, 0, 0),) * 11)
    assert replay(longer, registry.detectors()).cause.epoch == 4


def test_thresholds_are_set_by_name_and_only_by_names_that_exist():
    assert MajorityCollapse(least_epochs=2).needed_epochs(10) == 2
    with pytest.raises(InvalidInput, match="least_epochs"):
        MajorityCollapse(patients=3)


def test_detectors_are_chosen_by_code_name_class_or_instance():
    chosen = registry.detectors(["DAT101", "batchnorm-lag", MajorityCollapse, MajorityCollapse(share=0.9)])
    assert [d.code for d in chosen] == ["DAT101", "OPT405", "GEN403", "GEN403"]
    with pytest.raises(NotFound, match="DAT999"):
        registry.detectors(["DAT999"])


def test_evidence_survives_json_with_its_holes():
    import json

    evidence = replace(SICK, loss=(1.0, float("nan")), inputs=(InputFacts("x", (3,), 0.0, 1.0, 0.5, 0.1),))
    back = Evidence.from_dict(json.loads(json.dumps(evidence.to_dict())))
    assert back.class_counts == evidence.class_counts
    assert back.inputs == evidence.inputs
    assert str(back.loss) == str(evidence.loss)


def test_a_long_run_is_looked_at_ever_more_rarely_and_the_epoch_is_two_per_cent_late_at_most():
    class Counting(LossAboveOne):
        looks = 0

        def detect(self, loss):
            type(self).looks += 1
            return super().detect(loss)

    rising = tuple(float(epoch > 4000) * 2 for epoch in range(1, 8001))
    found = replay(Evidence(loss=rising), [Counting()])
    assert 4000 < found.diagnoses[0].epoch <= 4000 * 1.02 + 1
    assert Counting.looks < 500
