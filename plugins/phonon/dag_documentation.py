"""What a campaign's Dag says of itself in the UI: when it runs, what its tasks mean, where its results are."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from phonon.campaign.approval import Approval
from phonon.campaign.backfill import Backfill, BackfillMode
from phonon.campaign.late import Late, LateMode
from phonon.campaign.model import RUNS_TABLE, Campaign
from phonon.campaign.schedule import AssetSchedule, NewRowsSchedule
from phonon.duration import duration_words
from phonon.wording import counted

_PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
_CRON_FIELDS = 5

TASKS: Mapping[str, str] = {
    "extract_and_batch": "Reads the contacts, leaves out whom nobody may call, and plans the calls. Sends nothing.",
    "approve": "Waits until a person has approved, where there are more calls than the campaign may place alone.",
    "trigger_calls": "Sends the planned calls to Phonon, within the calling hours and the account's limit.",
    "branch_on_response": (
        "Chooses among the branches by what Phonon answered. A branch that is skipped has nothing to "
        "say; that is no failure."
    ),
    "accepted": "Phonon took calls. There is nothing to do.",
    "review_refused": "Phonon refused single calls. The results have the code and the reason of each.",
    "review_held": (
        "Nobody can tell whether Phonon took some of the calls. A person settles them with the Dag "
        "phonon_held_batches; until then the run counts as failed, unless the file says on_held: succeed."
    ),
    "top_up": "The account is out of balance. Top it up, then clear trigger_calls: that sends what is left.",
    "fix_configuration": (
        "Phonon refused for a reason that a person has to fix; the task's log says which. Then clear "
        "trigger_calls: that sends what is left."
    ),
    "push_results": "Writes what became of each contact to the warehouse, whatever happened before.",
}
"""What each task means to the people who look at a run, by its id."""


def documentation(campaign: Campaign, task_ids: Collection[str]) -> str:
    """Return the Markdown of a campaign's Dag."""
    per_number = campaign.limits.per_number
    frequency = (
        f"{counted(per_number.calls, 'call')} in {counted(per_number.days, 'day')}" if per_number else "no limit"
    )
    tasks = "".join(f"| `{task}` | {means} |\n" for task, means in TASKS.items() if task in task_ids)
    return (
        f"{campaign.description or campaign.name}\n\n"
        f"| | |\n|---|---|\n"
        f"| Runs | {schedule_in_words(campaign)} |\n"
        f"| Calling hours | {campaign.calling_window} |\n"
        f"| Endpoint | {campaign.endpoint} |\n"
        f"| Flow | {campaign.flow_id} |\n"
        f"| Calls to one number | {frequency} |\n"
        f"| Approval | {_approval(campaign.approval)} |\n"
        f"| Runs that begin late | {_late(campaign.late)} |\n"
        f"| Backfills | {_backfills(campaign.backfill)} |\n"
        f"\n### What the tasks mean\n\n| task | |\n|---|---|\n{tasks}"
        f"\n### Where the results are\n\n{_results(campaign)}"
    )


def schedule_in_words(campaign: Campaign) -> str:
    """Say when a campaign runs, with the zone of its clocks."""
    schedule = campaign.schedule
    first = f", from {campaign.start_date:%Y-%m-%d} on" if campaign.start_date else ""
    if isinstance(schedule, AssetSchedule):
        what = "for each partition that is updated of" if schedule.partitioned else "after each update of"
        return f"{what} the asset `{schedule.asset}`{first}"
    if isinstance(schedule, NewRowsSchedule):
        watched = schedule.new_rows
        table = f"the table `{watched.table}` has" if watched.table else "its query has"
        return (
            f"when {table} new rows by `{watched.cursor}`, looked for every {duration_words(watched.every)}{first}"
        )
    if schedule is None:
        return "only when a person, or another Dag, starts it"
    if schedule == "@once":
        return "once, when it is switched on"
    return f"{_cron_in_words(_PRESETS.get(schedule, schedule))}, {campaign.calling_window.timezone.key}{first}"


def _cron_in_words(expression: str) -> str:
    from cron_descriptor import Options, get_description  # noqa: PLC0415 - only for campaigns that have such a schedule

    written = f"`{expression}`"
    if len(expression.split()) != _CRON_FIELDS:  # Airflow's sixth field is not the one that would be described.
        return written
    options = Options()
    options.use_24hour_time_format, options.locale_code = True, "en_US"
    try:
        words = get_description(expression, options)
    except Exception:  # noqa: BLE001 - somebody else's parser, which knows less than Airflow's
        return written
    return f"{words[:1].lower()}{words[1:]} ({written})"


def _results(campaign: Campaign) -> str:
    table = campaign.results_table
    schema = f"{table.rpartition('.')[0]}." if "." in table else ""
    return (
        f"In the warehouse (connection `{campaign.warehouse_conn_id}`): a row for each contact in `{table}`, a row "
        f"for each run in `{schema}{RUNS_TABLE}`.\n\n"
        "```sql\n"
        f"SELECT status, reason, count(*) AS contacts FROM {table}\n"
        f"WHERE campaign = '{campaign.name}' GROUP BY status, reason ORDER BY contacts DESC\n"
        "```\n"
    )


def _approval(approval: Approval | None) -> str:
    if approval is None:
        return "never"
    above = f"above {approval.above:,} calls" if approval.above is not None else ""
    unusual = f"above {approval.unusual} times the usual" if approval.unusual is not None else ""
    return " and ".join(filter(None, (above, unusual))) or "never"


def _late(late: Late) -> str:
    what = {LateMode.CALL: "call", LateMode.DRY_RUN: "plan, send nothing", LateMode.REFUSE: "are refused"}
    return f"{what[late.then]}, if they begin more than {duration_words(late.after)} after they were due"


def _backfills(backfill: Backfill) -> str:
    if backfill.mode is BackfillMode.REFUSE:
        return "refused"
    if backfill.mode is BackfillMode.DRY_RUN:
        return "plan, send nothing"
    return f"call, if the interval ended at most {duration_words(backfill.max_age)} ago"
