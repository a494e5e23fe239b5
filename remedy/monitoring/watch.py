"""Watches the live runs of an experiment, of any framework, through the metrics that they log.

`Watch.poll` looks once and returns what is new, so whoever calls it decides when; `remedy.monitoring.follow` does so
from the shell. A poll asks for the runs and the last point of each metric in one request, and reads only histories
that grew.
Runs that remedy logs itself (they have a role) are left alone: `remedy.fit` examines them with far more evidence.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from remedy.diagnosis import Diagnosis, Examination, Looks
from remedy.errors import StoreError
from remedy.reporting import text as report
from remedy.tracking import connection, logged_evidence, queries
from remedy.tracking.connection import first_line
from remedy.tracking.metric_history import Points, latest_points, newer_points, read_points
from remedy.tracking.run import Run

Kind = Literal["stuck", "note", "silent", "ended", "error"]

SLOWER, PAUSES = 10.0, 3.0
"""A run is silent when its last point is ten times as old as points usually are apart, and three times as old as the
longest pause between two of them (a validation, a checkpoint)."""

UNHEARD = 600.0
"""Seconds a run may take to its first metric: data is read and models are compiled before it."""

LATE = 60_000
"""Milliseconds by which the end of a run may be seen late, because clocks differ."""


@dataclass(frozen=True)
class Event:
    """Something new in an experiment.

    Attributes:
        event: "stuck": the first diagnosis that makes a run stuck, once a run. "note": another diagnosis, or something
            worth a line. "silent": a running run logs nothing any more. "ended". "error": the store, a command or a
            webhook failed.
        message: One sentence.
        run_id, run_name, run_url: The run; None where it is about none.
        cause, code: Name and code of the detector.
        step: Logged step at which it became certain.
        time: Seconds since 1970.
    """

    event: Kind
    message: str
    run_id: str | None = None
    run_name: str | None = None
    run_url: str | None = None
    cause: str | None = None
    code: str | None = None
    step: int | None = None
    time: float = field(default_factory=time.time)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict; what is None is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass
class _Watched:
    """What is known of one run."""

    run: Any
    points: dict[str, Points] = field(default_factory=dict)
    latest: Mapping[str, tuple[int, int, float]] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    stuck: bool = False
    silent: bool = False
    seen_growing: float | None = None

    def event(self, event: Kind, message: str, **more: Any) -> Event:
        info = self.run.info
        url = Run(info.run_id, info.experiment_id).url
        return Event(event, message, info.run_id, info.run_name, url, **more)


class Watch:
    """Follows the runs of one experiment.

    Attributes:
        runs: How many runs are RUNNING.
        stuck, ended: How many were found stuck (earlier watches included), and how many ended.
        failures: Polls in a row to which the store did not answer.
    """

    def __init__(self, experiment: str, detectors: Iterable[Looks], silent_after: float = 120.0) -> None:
        """Find the experiment.

        Args:
            experiment: Name of an MLflow experiment.
            detectors: What to look for, such as ``remedy.registry.detectors()``.
            silent_after: Least seconds without a new point after which a run is called silent.

        Raises:
            NotFound: There is no such experiment.
            StoreError: The store cannot be reached.
        """
        self._experiment = queries.find_experiment(experiment)
        self._detectors, self._silent_after = tuple(detectors), silent_after
        self._watched: dict[str, _Watched] = {}
        self._over: set[str] = set()
        self._since = int(time.time() * 1000)
        self.runs = self.stuck = self.ended = self.failures = 0

    def poll(self) -> list[Event]:
        """Look at every live run once and return what is new. Store trouble is an event, not an exception."""
        events: list[Event] = []
        try:
            with connection.asking():
                connection.require_reachable(connection.use_default_store())
                began = int(time.time() * 1000)
                self._look(events)
                self._since = began - LATE
        except StoreError as error:
            self.failures += 1
            if self.failures == 1:
                events.append(Event("error", f"{error} The watch goes on."))
            return events
        if self.failures:
            events.insert(0, Event("note", f"The store answers again, after {self.failures} polls without."))
            self.failures = 0
        return events

    def _look(self, events: list[Event]) -> None:
        """Collect what is new; what could be told before the store failed is kept."""
        live = {run.info.run_id: run for run in queries.live_runs(self._experiment, self._since)}
        for run_id, run in live.items():
            if "remedy.role" in run.data.tags and run_id in self._watched:
                self._leave(run_id)  # remedy.fit has taken it over.
            if "remedy.role" in run.data.tags or run_id in self._over:
                continue
            one = self._watched.setdefault(run_id, _Watched(run))
            one.run = run
        for run_id, one in list(self._watched.items()):
            if run_id not in live:
                found = queries.find_run(run_id)
                if found is None:
                    events.append(one.event("ended", "The run was deleted."))
                    self._leave(run_id)
                    continue
                one.run = found
            self._visit(one, events)
        self.runs = len(self._watched)

    def _visit(self, one: _Watched, events: list[Event]) -> None:
        running = one.run.info.status == "RUNNING"
        if not one.told and one.run.data.tags.get("remedy.verdict") == "stuck":
            self._remember(one, events)
        latest = latest_points(one.run)
        if latest != one.latest or not running:
            self._read(one, latest)
            self._examine(one, running, events)
            events += _odd(one)
            if one.silent:
                one.silent = False
                events.append(one.event("note", "The run logs again."))
        if running:
            events += self._silence(one)
            return
        events.append(one.event("ended", _ended(one)))
        self.ended += 1
        self._leave(one.run.info.run_id)

    def _leave(self, run_id: str) -> None:
        self._over.add(run_id)
        del self._watched[run_id]

    def _remember(self, one: _Watched, events: list[Event]) -> None:
        """Take over what an earlier watch has said of a run, and told whom it had to tell."""
        tags = one.run.data.tags
        one.told.add(tags.get("remedy.code", ""))
        one.stuck, self.stuck = True, self.stuck + 1
        says = f"The run was found stuck before: {tags.get('remedy.cause')} ({tags.get('remedy.code')})."
        events.append(one.event("note", says, cause=tags.get("remedy.cause"), code=tags.get("remedy.code")))

    def _read(self, one: _Watched, latest: Mapping[str, tuple[int, int, float]]) -> None:
        """Read the histories that detectors ask for and that grew."""
        wanted = [name for name in latest if logged_evidence.meaning(name) and latest[name] != one.latest.get(name)]
        fresh = [name for name in wanted if name not in one.points]
        run_id = one.run.info.run_id
        read = read_points(run_id, fresh) | {
            name: newer_points(run_id, name, one.points[name]) for name in wanted if name not in fresh
        }
        if one.latest and latest != one.latest:
            one.seen_growing = time.time()
        one.points |= read
        one.latest = latest

    def _examine(self, one: _Watched, running: bool, events: list[Event]) -> None:
        """Tell every diagnosis once; the first that makes the run stuck is tagged on it before."""
        try:
            logged = logged_evidence.evidence_of(one.points, running)
            found = logged_evidence.examine(logged, self._detectors)
        except Exception as error:  # Histories nobody thought of cost one run, not the watch of all.
            if "examined" not in one.told:
                events.append(one.event("error", f"The run could not be examined ({type(error).__name__}: {error})."))
            one.told.add("examined")
            return
        new = [d for d in found.diagnoses if d.code not in one.told]
        cause = next((d for d in new if d.severity == "error"), None)
        if cause is not None and not one.stuck:
            step = logged.step(cause.epoch)
            tags = report.verdict_tags(Examination((cause,)))
            try:
                queries.set_tags(one.run.info.run_id, tags | {"remedy.stuck_step": None if step is None else str(step)})
            except Exception as error:  # A store that may be read and not written to.
                events.append(one.event("error", f"The run could not be tagged ({first_line(error)})."))
            one.stuck, self.stuck = True, self.stuck + 1
            events.append(_diagnosed(one, "stuck", cause, step))
        else:
            cause = None
        events += [_diagnosed(one, "note", d, logged.step(d.epoch)) for d in new if d is not cause]
        one.told |= {d.code for d in new}

    def _silence(self, one: _Watched) -> list[Event]:
        if one.silent:
            return []
        times = np.unique(np.concatenate([[one.run.info.start_time], *(p.times for p in one.points.values())]))
        times = np.append(times, [at for _, at, _ in one.latest.values() if at > times[-1]])
        # The clock of the training may differ from this one: what this watch saw itself counts more.
        heard = one.seen_growing or float(times.max()) / 1000
        limit = max(self._silent_after, UNHEARD)
        if one.latest:
            gaps = np.diff(times) / 1000
            usual = gaps[1:] if len(gaps) > 1 else gaps
            limit = max(self._silent_after, SLOWER * float(np.median(usual)), PAUSES * float(usual.max()))
        if time.time() - heard <= limit:
            return []
        one.silent = True
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(heard))
        what = "silent since" if one.latest else "without a metric since its start,"
        return [one.event("silent", f"The run has been {what} {since}; MLflow still calls it running.")]


def _diagnosed(one: _Watched, event: Kind, found: Diagnosis, step: int | None) -> Event:
    return one.event(event, found.message, cause=found.name, code=found.code, step=step)


def _odd(one: _Watched) -> list[Event]:
    """Tell once of each metric that is no finite number; of losses the detectors speak."""
    events = []
    for name, (step, _, value) in one.latest.items():
        said = logged_evidence.meaning(name)
        if math.isfinite(value) or name in one.told or (said and said.kind == "loss"):
            continue
        one.told.add(name)
        events.append(one.event("note", f"The metric {name} is {value:g}, no finite number.", step=step))
    return events


def _ended(one: _Watched) -> str:
    status = one.run.info.status
    if one.stuck:
        return f"The run ended {status}; it was stuck."
    lengths = {name: len(series) for name, series in one.points.items()}
    if not logged_evidence.chosen(lengths).keys() & {"loss", "val_loss"}:
        known = ", ".join(sorted(one.latest)[:5])
        return f"The run ended {status} without a loss that could be examined; it logged {known or 'no metric'}."
    return f"The run ended {status}; nothing said that it was stuck."
