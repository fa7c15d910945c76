"""The tasks of the Dags with which people settle held batches and set the pause switch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from phonon.campaign.loading import find_campaigns
from phonon.campaign.model import Campaign
from phonon.errors import ConfigurationError, PhononError, StoppedSendingError
from phonon.operators.context import airflow_errors, person_of
from phonon.operators.steps import CampaignOperator, counts_of, outcome_of

if TYPE_CHECKING:
    from phonon.ledger.settlements import Case
    from phonon.ledger.store import Ledger
    from phonon.review.desk import Person, ReviewDesk

SETTLE = "settle"
SEND_AND_PUSH = "send_and_push"
ACTIONS = ("list", "show", "release", "close", "evidence")
PAUSE_ACTIONS = ("show", "pause", "resume")
_SHOWN = 20


class LedgerOperator(BaseOperator):  # type: ignore[misc] # Airflow's classes are untyped to mypy
    """Base of the tasks that work on a ledger as a whole."""

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Open the ledger, and close it."""
        from phonon.hooks.ledger import open_ledger  # noqa: PLC0415 - heavy, and a Dag file imports this module

        opened = open_ledger(self.ledger_conn_id)
        try:
            yield opened
        finally:
            opened.close()

    def say(self, text: str) -> None:
        """Put a text of several lines into the log, each at its start of the line."""
        for line in text.splitlines():
            self.log.info("%s", line)


class SettleOperator(LedgerOperator):
    """List, show, release, close or prove held batches, as the run's parameters say. All of it, or nothing.

    :param campaigns: the folder of campaign files, whose campaigns the next task can send for.
    :param include: the folder of their SQL files.
    """

    def __init__(self, *, campaigns: Path, include: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # As text, since Airflow keeps an operator's attributes.
        self.campaigns = os.fspath(campaigns)
        self.include = os.fspath(include)

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Settle; the XCom holds ids and counts, and the intervals whose results changed."""
        from phonon.review.desk import ReviewDesk  # noqa: PLC0415 - as above

        params = context["params"]
        actions: Mapping[str, Callable[[ReviewDesk, Mapping[str, Any], Person], dict[str, Any]]] = {
            "list": self._list,
            "show": self._show,
            "release": self._release,
            "close": self._close,
            "evidence": self._evidence,
        }
        action = params["action"]
        with airflow_errors():
            if action not in actions:
                raise ConfigurationError(f"action: one of {', '.join(actions)}; found {action!r}.")
            if action != "evidence" and (params.get("evidence") or "").strip():
                raise ConfigurationError(
                    f"evidence is filled in, and the action is {action!r}. Choose the action 'evidence', or empty "
                    "the field. Nothing was changed."
                )
            with self.ledger() as ledger:
                done = actions[action](ReviewDesk(ledger), params, person_of(context))
        return {"action": action, "batches": [], "calls": 0, "affected": [], **done}

    def _list(self, desk: ReviewDesk, params: Mapping[str, Any], _: Person) -> dict[str, Any]:
        from phonon.review.text import listing  # noqa: PLC0415 - as above

        wanted = set(batch_ids_of(params))
        found = [case for case in desk.waiting(params.get("campaign")) if not wanted or case.batch_id in wanted]
        self.say(listing(found))
        return _counts(found)

    def _show(self, desk: ReviewDesk, params: Mapping[str, Any], _: Person) -> dict[str, Any]:
        from phonon.review.text import story  # noqa: PLC0415 - as above

        wanted = batch_ids_of(params)
        if not wanted:
            raise ConfigurationError("batches: name the batches to show, by the ids that the action 'list' shows.")
        told = desk.look(wanted[:_SHOWN])
        for each in told:
            self.say(f"{story(each)}\n")
        return _counts([each.case for each in told])

    def _release(self, desk: ReviewDesk, params: Mapping[str, Any], person: Person) -> dict[str, Any]:
        from phonon.review.notes import WARNING  # noqa: PLC0415 - as above
        from phonon.review.text import told_settled  # noqa: PLC0415 - as above

        if params.get("understood") is not True:
            raise ConfigurationError(f"Tick 'understood' to release. {WARNING} Nothing was changed.")
        if params.get("send"):
            self._check_files(desk.check(batch_ids_of(params), params.get("campaign")))
        settled = desk.release(batch_ids_of(params), params.get("note"), person, params.get("campaign"))
        self.say(told_settled("released", settled))
        new = [settled.new_batches[case.batch_id] for case in settled.cases]
        return {**_counts(settled.cases), "new_batches": new, "affected": _affected(settled.cases)}

    def _check_files(self, found: Sequence[Case]) -> None:
        """Raise if a released batch could not be sent: nobody would look for it any more, and it would expire."""
        known = _known_campaigns(self.campaigns, self.include)
        missing = sorted({case.campaign for case in found} - known.keys())
        if missing:
            raise ConfigurationError(
                f"Put the file of campaign {', '.join(missing)} back into {self.campaigns} first.\n"
                "Without a valid file nothing of it can be sent here. Nothing was released. A campaign that a Dag "
                "of your own places has no file: leave 'Send at once' off, and clear the task that sends there."
            )

    def _close(self, desk: ReviewDesk, params: Mapping[str, Any], person: Person) -> dict[str, Any]:
        from phonon.review.text import told_settled  # noqa: PLC0415 - as above

        settled = desk.close(batch_ids_of(params), params.get("note"), person, params.get("campaign"))
        self.say(told_settled("closed", settled))
        return {**_counts(settled.cases), "affected": _affected(settled.cases)}

    def _evidence(self, desk: ReviewDesk, params: Mapping[str, Any], person: Person) -> dict[str, Any]:
        from phonon.review.evidence import read_evidence  # noqa: PLC0415 - as above
        from phonon.review.notes import checked_note  # noqa: PLC0415 - as above
        from phonon.review.text import told_evidence  # noqa: PLC0415 - as above

        note = checked_note(params.get("note") or "Phonon's report")
        outcome = desk.apply(read_evidence(params.get("evidence") or ""), note, person)
        self.say(told_evidence(outcome))
        proven = outcome.proven
        return {
            "batches": [case.batch_id for case in proven.settled],
            "calls": proven.calls,
            "new_batches": sorted(proven.still_held.values()),
            "calls_still_held": proven.calls_still_held,
            "other_rows": {fit.name.lower(): count for fit, count in outcome.other_rows.items()},
            "affected": _affected(proven.settled),
        }


class SendAndPushOperator(LedgerOperator):
    """Send what was released, under the campaign's own rules, and bring what was settled into the warehouse.

    :param campaigns: the folder of campaign files, in which the campaigns of the batches are looked up.
    :param include: the folder of their SQL files.
    """

    def __init__(self, *, campaigns: Path, include: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # As text, since Airflow keeps an operator's attributes.
        self.campaigns = os.fspath(campaigns)
        self.include = os.fspath(include)
        self._working: CampaignOperator | None = None
        self._is_ending = False

    def on_kill(self) -> None:
        """Stop sending, as a campaign's own task does. What was settled is still pushed."""
        self._is_ending = True
        if self._working is not None:
            self._working.on_kill()

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Send and push for each campaign and interval; fails at the end with what did not work."""
        done = context["ti"].xcom_pull(task_ids=SETTLE)
        if not done["affected"]:
            raise AirflowSkipException("Nothing was settled, so there is nothing to send or to push.")
        sends = done["action"] == "release" and bool(context["params"].get("send"))
        with airflow_errors():
            known = self._known()
            counts: dict[str, Any] = {}
            failed, elsewhere = [], []
            intervals = Counter(campaign for campaign, _ in done["affected"])
            for name, interval_key in done["affected"]:
                if name not in known:
                    elsewhere.append([name, interval_key])
                    self._tell_where(name, interval_key, released=done["action"] == "release")
                    continue
                # The table of runs has one row for a campaign and run.
                suffix = f" {interval_key}" if intervals[name] > 1 else ""
                run_id = f"{context['dag_run'].run_id}{suffix}"
                try:
                    counts[f"{name} {interval_key}"] = self._work(known[name], run_id, interval_key, sends=sends)
                except PhononError as error:
                    failed.append((f"{name} {interval_key}: {error}", error))
            if failed:
                text = "\n".join(said for said, _ in failed)
                a_person = all(isinstance(error, ConfigurationError) for _, error in failed)
                raise ConfigurationError(text) if a_person else StoppedSendingError(text)
        return {"by_status": counts, "elsewhere": elsewhere}

    def _known(self) -> dict[str, Campaign]:
        # The batches are in the ledger of this Dag, whatever connection the campaign reaches it by.
        changed = {"ledger_conn_id": self.ledger_conn_id}
        known = _known_campaigns(self.campaigns, self.include)
        return {name: campaign.model_copy(update=changed) for name, campaign in known.items()}

    def _work(self, campaign: Campaign, run_id: str, interval_key: str, *, sends: bool) -> dict[str, int]:
        """Send and push one interval; what sending failed of is raised after the push."""
        from phonon.campaign.run import Run  # noqa: PLC0415 - as above

        run = Run(run_id=run_id, run_type="manual", interval_key=interval_key)
        worker = self._working = CampaignOperator(task_id=self.task_id, campaign=campaign, dag=None)
        error: PhononError | None = None
        summary: dict[str, Any] = {"stop": None}
        if sends and self._is_ending:
            error = StoppedSendingError("Nothing was sent: the task was told to end.")
        elif sends:
            try:
                summary = worker.trigger_calls(run)
            except PhononError as raised:
                summary, error = {}, raised
        counts = counts_of(worker.push_results(run, outcome_of(summary), settles=True).totals)
        if error is not None:
            raise error
        if summary["stop"]:
            raise ConfigurationError(summary["message"])
        return counts

    def _tell_where(self, name: str, interval_key: str, *, released: bool) -> None:
        what = "sends what was released and shows it" if released else "shows it"
        self.log.warning(
            "Campaign %s has no valid file in %s. In the Dag that calls for it, clear the task that sends, in the "
            "run of the interval %s: that %s in the warehouse.",
            name,
            self.campaigns,
            interval_key,
            what,
        )


class PauseOperator(LedgerOperator):
    """Set, clear or show the pause switch of one campaign or of everything.

    :param campaigns: the folder of campaign files, whose names can be paused before they have run.
    :param include: the folder of their SQL files.
    """

    def __init__(self, *, campaigns: Path, include: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.campaigns = os.fspath(campaigns)
        self.include = os.fspath(include)

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Pause or resume; the XCom holds the scopes that are paused now."""
        from phonon.review.pausing import PauseDesk  # noqa: PLC0415 - as above
        from phonon.review.text import told_pauses  # noqa: PLC0415 - as above

        params = context["params"]
        action, campaign = params["action"], params.get("campaign") or None
        with airflow_errors(), self.ledger() as ledger:
            desk = PauseDesk(ledger)
            if action == "pause":
                files = find_campaigns(Path(self.campaigns), include=Path(self.include))
                self.say(
                    desk.pause(
                        campaign, params.get("reason"), person_of(context), known=[each.name for each in files]
                    )
                )
            elif action == "resume":
                self.say(desk.resume(campaign, person_of(context)))
            elif action != "show":
                raise ConfigurationError(f"action: one of {', '.join(PAUSE_ACTIONS)}; found {action!r}.")
            pauses = desk.pauses()
            self.say(told_pauses(pauses))
        return {"action": action, "paused": [pause.scope for pause in pauses]}


def batch_ids_of(params: Mapping[str, Any]) -> list[int]:
    """The batch ids of a run's parameters, in their order, each once.

    Raises ConfigurationError for what is no id.
    """
    found: dict[int, None] = {}
    for value in params.get("batches") or []:
        text = str(value).strip()
        if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) < 19):
            raise ConfigurationError(
                "batches: each line is the id of one batch, a whole number as the list of held batches shows it. "
                "Nothing was changed."
            )
        found[int(text)] = None
    return list(found)


def _counts(found: Sequence[Case]) -> dict[str, Any]:
    return {"batches": [case.batch_id for case in found], "calls": sum(case.calls for case in found)}


def _affected(found: Sequence[Case]) -> list[list[str]]:
    """The campaigns and intervals of batches, each once."""
    return [list(each) for each in sorted({(case.campaign, case.interval_key) for case in found})]


def _known_campaigns(campaigns: str, include: str) -> dict[str, Campaign]:
    """The campaigns that have a valid file, by name."""
    found = find_campaigns(Path(campaigns), include=Path(include))
    return {each.name: each for each in found if isinstance(each, Campaign)}
