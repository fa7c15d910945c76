"""A campaign, as its YAML file describes it. Cheap to import: every Dag file that builds campaigns does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PlainSerializer,
    PrivateAttr,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from phonon.api.endpoints import Endpoint
from phonon.calling_window import CallingWindow
from phonon.campaign.approval import Approval
from phonon.campaign.backfill import Backfill
from phonon.campaign.contradictions import check_contradictions
from phonon.campaign.flow_variables import FlowVariables
from phonon.campaign.follow_up import FollowUp
from phonon.campaign.late import Late
from phonon.campaign.notification import Notification
from phonon.campaign.parts import FIXED, Limits, OnHeld, OnUnknown, Window, without_repeats
from phonon.campaign.purposes import Purpose
from phonon.campaign.schedule import AssetSchedule, Schedule
from phonon.campaign.shapes import (
    CalendarDate,
    Column,
    ConnectionId,
    DagId,
    FlowId,
    FlowVariable,
    Line,
    SqlOrPath,
    TableName,
    clash,
    is_sql_path,
)
from phonon.campaign.start import StartAt, StartNow, check_start
from phonon.errors import ConfigurationError
from phonon.numbering_plan import NumbersKind

RUNS_TABLE = "phonon_campaign_runs"
"""The table of runs, which stands in the schema of the results table and therefore cannot be it."""

MOST_NUMBERS = 10
"""Columns of numbers; as many as the vendor's own file upload takes."""

MOST_SHARDS = 16
"""Senders of one run. Each is a task instance, has a place on a worker while the run sends, and asks the ledger."""


class Campaign(BaseModel):
    """One campaign: whom to call, with which flow, when, and within which limits. It never changes."""

    model_config = FIXED

    name: DagId = Field(
        description=(
            "The campaign's name, which is the id of its Dag. Another name is another campaign: whom the old one "
            "has called, the new one may call again on the same day."
        ),
        examples=["renewal_reminder"],
    )
    description: str = Field(
        default="",
        description="What the campaign is for, shown in the Airflow UI.",
        examples=["Remind policy holders a week before renewal"],
    )
    owner: Line = Field(default="airflow", description="Who answers for the campaign.", examples=["growth"])
    schedule: Schedule = Field(
        default=None,
        description=(
            "When runs start: a cron expression or one of Airflow's presets; {asset: <uri>} for whenever that "
            "asset is updated; {new_rows: {...}} for new rows of a table; null for runs that only a person starts."
        ),
        examples=[
            "0 9 * * MON-SAT",
            "@daily",
            {"asset": "duckdb://warehouse/renewals"},
            {"new_rows": {"table": "leads", "cursor": "created_at", "every": "30s"}},
            None,
        ],
    )
    start_date: CalendarDate | None = Field(
        default=None, description="The first day for which the schedule starts a run.", examples=["2026-11-01"]
    )
    purpose: Purpose = Field(
        default=Purpose.PROMOTIONAL,
        description=(
            "Why people are called, which decides the hours (Asia/Kolkata): promotional 10:00-21:00, service and "
            "transactional 09:00-21:00, recovery 08:00-19:00."
        ),
        examples=["service"],
    )
    contacts: SqlOrPath = Field(
        description=(
            "Whom to call: the path of an .sql file under include/, or the SQL itself. Jinja is rendered; each run "
            "has {{ run_date }} and {{ run_time }}, on the clocks of the calling window."
        ),
        examples=["sql/renewal_contacts.sql", "SELECT policy_id, mobile FROM policies"],
    )
    contact_id: Column = Field(
        description="The column that names the contact; unique within one run.", examples=["policy_id"]
    )
    numbers: Annotated[tuple[Column, ...], AfterValidator(without_repeats)] = Field(
        min_length=1,
        max_length=MOST_NUMBERS,
        description=(
            "The columns of phone numbers, in the order in which they are tried until one connects. A cell may "
            "hold several, separated by / , ; | or line breaks, or be an array."
        ),
        examples=[["mobile", "alternate_mobile"]],
        json_schema_extra={"uniqueItems": True},
    )
    numbers_kind: NumbersKind = Field(
        default="mobile",
        description=(
            "Which numbers are called: mobile, or any for landlines too. The Indian numbering plan says which is "
            "which."
        ),
        examples=["any"],
    )
    correlation_key: FlowVariable | None = Field(
        default="ClientIdentifier",
        description="The flow variable that carries the client-identifier into Phonon's reports; null for none.",
        examples=["ClientIdentifier", None],
    )
    variables: Annotated[
        Mapping[FlowVariable, Column],
        AfterValidator(lambda columns: FlowVariables(tuple(columns.items()))),
        PlainSerializer(dict, return_type=dict[str, str]),
    ] = Field(
        default=FlowVariables(),
        description="The flow's variables, each with the column that fills it.",
        examples=[{"Name": "first_name", "DueDate": "due_date"}],
        json_schema_extra={"additionalProperties": False, "default": {}},
    )
    flow_id: FlowId = Field(
        description="The id of the Phonon flow that talks to the contact, from the flow's edit page.",
        examples=["wruHzoCK"],
    )
    endpoint: Endpoint = Field(
        default=Endpoint.BULK,
        description="bulk for many calls, realtime for few calls that connect at once.",
        examples=["bulk"],
    )
    start_at: StartAt = Field(
        default=StartNow(),
        description=(
            'When a call starts: now, a time of day like "10:30" on the clocks of the calling window, or the '
            "column that holds its start. Never outside the calling window."
        ),
        examples=["now", "10:30", "call_at"],
        json_schema_extra={"default": "now"},
    )
    window: Window = Field(
        default=Window(),
        description="Calling hours and days narrower than the purpose's.",
        examples=[{"open": "10:00", "close": "19:00", "days": ["mon", "tue", "wed", "thu", "fri", "sat"]}],
    )
    limits: Limits = Field(
        default=Limits(),
        description="How many calls an interval has at most, and how often a number is called.",
        examples=[{"max_calls": 50000, "per_number": {"calls": 1, "days": 1}}],
    )
    suppress: SqlOrPath | None = Field(
        default=None,
        description=(
            "Numbers that must not be called, in one column: the path of an .sql file under include/, or the SQL "
            "itself. Jinja is rendered, as in contacts."
        ),
        examples=["sql/do_not_call.sql", "SELECT mobile FROM complaints", None],
    )
    follow_up: FollowUp | None = Field(
        default=None,
        description="Call only those contacts of the query whose call in another campaign ended in a given way.",
        examples=[{"of": "renewal_reminder", "status": ["expired"], "at_most": 2, "apart": "1d"}],
    )
    approval: Approval | None = Field(
        default=Approval(),
        description=(
            "A person approves in the Airflow UI before more than this is sent. Left out: only what is far from "
            "usual has to be approved; null for never."
        ),
        examples=[{"above": 10000}, None],
    )
    backfill: Backfill = Field(
        default=Backfill(),
        description="Whether a backfill calls, and how old an interval may be for that.",
        examples=[{"mode": "call", "max_age": "2d"}],
    )
    late: Late = Field(
        default=Late(),
        description="What a scheduled run does that begins long after it was due, as after a pause of its Dag.",
        examples=[{"after": "2h", "then": "dry_run"}],
    )
    on_unknown: OnUnknown = Field(
        default=OnUnknown(),
        description="What to do when nobody can tell whether Phonon took a batch: hold it for a person, or resend.",
        examples=[{"bulk": "hold", "realtime": "resend"}],
    )
    on_held: OnHeld = Field(
        default=OnHeld.FAIL,
        description=(
            "How a run ends that leaves calls held, once its results are pushed: fail, since they wait for a "
            "person, or succeed."
        ),
        examples=["fail", "succeed"],
    )
    notify: tuple[Notification, ...] = Field(
        default=(),
        description="Who is told what, by which Airflow notifier.",
        examples=[
            [
                {
                    "notifier": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
                    "on": ["held", "top_up", "fix_configuration", "approval"],
                    "arguments": {"to": "campaigns@example.com", "subject": "{{ phonon.subject }}"},
                }
            ]
        ],
    )
    shards: StrictInt = Field(
        default=1,
        ge=1,
        le=MOST_SHARDS,
        description=(
            "How many task instances send the calls of one run at once, on as many workers as there are. They "
            "share the limit of the account, so more of them help only where one does not reach it."
        ),
        examples=[1, 4],
    )
    results_table: TableName = Field(
        default="phonon_call_results",
        description="The table of the warehouse that results are written to, with its schema if it needs one.",
        examples=["phonon_call_results", "marketing.phonon_call_results"],
    )
    phonon_conn_id: ConnectionId = Field(
        default="phonon_default", description="The Airflow connection to Phonon.", examples=["phonon_default"]
    )
    warehouse_conn_id: ConnectionId = Field(
        default="warehouse", description="The Airflow connection to the warehouse.", examples=["warehouse"]
    )
    ledger_conn_id: ConnectionId = Field(
        default="phonon_ledger", description="The Airflow connection to the ledger.", examples=["phonon_ledger"]
    )

    _sql_of_files: Mapping[str, str] = PrivateAttr(default={})

    @field_validator("window")
    @classmethod
    def _window_only_narrows(cls, window: Window, info: ValidationInfo) -> Window:
        if "purpose" in info.data:
            window.narrowing(info.data["purpose"])
        return window

    @model_validator(mode="after")
    def _starts_in_window(self) -> Campaign:
        check_start(self.start_at, self.calling_window)
        return self

    @model_validator(mode="after")
    def _does_not_start_itself(self) -> Campaign:
        if isinstance(self.schedule, AssetSchedule) and self.schedule.results_of == self.name:
            raise clash("The campaign's own results would start it again, without end.", at=["schedule", "asset"])
        return self

    @model_validator(mode="after")
    def _does_what_it_says(self) -> Campaign:
        check_contradictions(self)
        return self

    @field_validator("follow_up")
    @classmethod
    def _follows_another(cls, follow_up: FollowUp | None, info: ValidationInfo) -> FollowUp | None:
        if follow_up is not None and follow_up.of == info.data.get("name"):
            raise clash(
                "A campaign cannot follow itself up: its own calls are what is counted. Write the follow-up as a "
                "campaign of its own.",
                at=["of"],
            )
        return follow_up

    @field_validator("variables")
    @classmethod
    def _correlation_key_is_free(cls, variables: FlowVariables, info: ValidationInfo) -> FlowVariables:
        key = info.data.get("correlation_key")
        if key is not None and key in variables:
            raise clash(
                f"The flow variable {key} would be filled twice: as the correlation_key and from a column. "
                f"Name another correlation_key, or null for none, or rename the variable.",
                at=[key],
            )
        return variables

    @field_validator("results_table")
    @classmethod
    def _results_table_is_free(cls, table: str) -> str:
        if table.lower().rpartition(".")[2] == RUNS_TABLE:
            raise clash(f"{RUNS_TABLE} is the table of runs; results need a table of their own.")
        return table

    def __str__(self) -> str:
        """Its name: what Airflow stores of it as an argument of a mapped task, and nothing of its queries."""
        return self.name

    @property
    def has_gate(self) -> bool:
        """Whether the Dag has a task that asks: for ``approval`` in the file, or before several senders.

        Without, only the unusual is asked, by the one task that sends.
        """
        return self.approval is not None and ("approval" in self.model_fields_set or self.shards > 1)

    @property
    def calling_window(self) -> CallingWindow:
        """The hours in which calls may start: those of the purpose, narrowed by ``window``."""
        return self.window.narrowing(self.purpose)

    @property
    def contacts_sql(self) -> str:
        """The SQL of the contacts query, its Jinja not yet rendered.

        :raises ConfigurationError: if ``contacts`` is a path and the campaign was not read from a file.
        """
        return self._sql("contacts", self.contacts)

    @property
    def suppress_sql(self) -> str | None:
        """The SQL of the suppress query, its Jinja not yet rendered; None without one.

        :raises ConfigurationError: if ``suppress`` is a path and the campaign was not read from a file.
        """
        return None if self.suppress is None else self._sql("suppress", self.suppress)

    def with_sql_of_file(self, sql: str, *, key: str = "contacts") -> Campaign:
        """Return this campaign, with the text of the file that ``contacts``, or another key, names."""
        copy = self.model_copy()
        copy._sql_of_files = {**self._sql_of_files, key: sql}  # noqa: SLF001 - of its own class
        return copy

    def _sql(self, key: str, given: str) -> str:
        if not is_sql_path(given):
            return given
        if key not in self._sql_of_files:
            raise ConfigurationError(
                f"Campaign {self.name} names the file {given}, which has not been read. "
                f"Read campaigns with load_campaign, or give the SQL itself."
            )
        return self._sql_of_files[key]
