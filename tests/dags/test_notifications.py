"""A campaign's notifiers in whole runs through Airflow: who is told what, and that nothing hangs on them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from airflow.sdk import BaseNotifier

from answering import answer
from dag_world import SECURITY_ID, DagWorld, dag_named, dag_of_file, states
from simulator import Fault, Kind, When
from told import MailServer, WebServer, serving

SMTP = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
HTTP = "airflow.providers.http.notifications.http.HttpNotifier"
MAIL = {"to": "team@example.com", "subject": "{{ phonon.subject }}", "html_content": "{{ phonon.html }}"}
POST = {"http_conn_id": "told_http", "json": {"event": "{{ phonon.event }}", "text": "{{ phonon.text }}"}}

_OWN_DAG = """
from airflow.sdk import DAG
from phonon.operators.outbound import PhononOutboundOperator

with DAG("own", schedule=None):
    PhononOutboundOperator(
        task_id="calls", name="own", contacts="SELECT loan_id, mobile FROM loans", contact_id="loan_id",
        numbers=["mobile"], flow_id="abcdEF12", approval={{"above": 5}}, notify={notify},
    )
"""

_STOP = Fault(Kind.CODE, code=212, times=None)
_REFUSE = Fault(Kind.CODE, code=401, times=None)
_LOSE = Fault(Kind.RESET, when=When.AFTER)


class RaisingNotifier(BaseNotifier):
    """Fails as a notifier may: with an address that holds a token."""

    def notify(self, context: object) -> None:
        raise RuntimeError("https://hooks.example.com/T0000/s3cret-token for 919999900001")


class ExitingNotifier(BaseNotifier):
    """Ends the process, as a careless notifier may."""

    def notify(self, context: object) -> None:
        raise SystemExit(1)


class PlainNotifier(BaseNotifier):
    """Renders nothing by itself."""

    said: ClassVar[list[str]] = []

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def notify(self, context: object) -> None:
        self.said.append(self.message)


def here(kind: type[BaseNotifier]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with serving(MailServer()) as server:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(server.connection))
        yield server


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    with serving(WebServer()) as server:
        monkeypatch.setenv("AIRFLOW_CONN_TOLD_HTTP", json.dumps(server.connection))
        yield server


@pytest.fixture
def told(dag_world: DagWorld, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a campaign of 60 people that tells people as it is said; gives the run."""
    folder = dag_world.folder / "campaigns"
    folder.mkdir()
    monkeypatch.setenv("PHONON_CAMPAIGNS", str(folder))

    def run(*notify: dict[str, Any], conf: dict[str, Any] | None = None, **keys: Any) -> Any:
        campaign = {
            "name": "told",
            "contacts": "SELECT loan_id, mobile FROM loans",
            "contact_id": "loan_id",
            "numbers": ["mobile"],
            "flow_id": "abcdEF12",
            "notify": list(notify),
            **keys,
        }
        (folder / "told.yaml").write_text(json.dumps(campaign))
        return dag_world.run("told", conf=conf)

    return run


@pytest.mark.parametrize(
    ("fault", "keys", "subjects"),
    [
        (None, {}, ["[told] finished: accepted 60"]),
        (_LOSE, {}, ["[told] 60 calls held", "[told] finished: held 60"]),
        (
            _STOP,
            {"endpoint": "realtime"},
            ["[told] stopped: the Phonon account needs a top-up, 60 calls pending"],
        ),
        (
            _REFUSE,
            {"endpoint": "realtime"},
            ["[told] stopped: the configuration has to be mended, 60 calls pending"],
        ),
    ],
    ids=["finished", "held", "top_up", "fix_configuration"],
)
def test_a_mail_tells_of_each_event(
    dag_world: DagWorld, told: Any, mail: MailServer, fault: Fault | None, keys: dict[str, Any], subjects: list[str]
) -> None:
    if fault:
        dag_world.phonon.inject(fault)
    told({"notifier": SMTP, "arguments": MAIL}, **keys)
    assert sorted(mail.subjects()) == sorted(subjects)
    assert {str(each["to"]) for each in mail.mails} == {"team@example.com"}


def test_a_stopped_runs_mail_says_what_to_do_and_where_the_results_are(
    dag_world: DagWorld, told: Any, mail: MailServer
) -> None:
    dag_world.phonon.inject(_STOP)
    told({"notifier": SMTP, "on": ["finished"], "arguments": MAIL}, endpoint="realtime")
    (text,) = mail.texts()
    assert "clear trigger_calls: that sends those and only those" in text
    assert "table phonon_call_results, connection warehouse" in text
    assert "Calls by status: pending 60<br>" in text
    assert re.search(r"Run: (http\S+/dags/told/runs/\S+?)<br>\s*Task: \1/tasks/push_results", text)


def test_a_run_that_waits_for_a_person_tells_why_and_where_to_answer(
    dag_world: DagWorld, told: Any, web: WebServer, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answer("Approve", monkeypatch)
    run = told(
        {"notifier": HTTP, "arguments": POST},
        {"notifier": SMTP, "on": ["approval"], "arguments": MAIL},
        approval={"above": 5, "wait": "2h"},
    )
    assert run.state == "success"
    assert asked[0].startswith("approve: told: send 60 calls")
    assert [post["event"] for post in web.posts] == ["approval", "finished"]
    assert mail.subjects() == ["[told] 60 calls wait for approval"]
    assert "more than 5 have to be approved" in web.posts[0]["text"]
    assert "approve or reject in the Airflow UI, under Browse > Required Actions" in web.posts[0]["text"]
    assert dag_world.statuses("told") == {"accepted": 60}


def test_the_operator_of_a_dag_of_ones_own_tells_as_well_that_it_waits(
    dag_world: DagWorld, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dag = dag_of_file(
        dag_world.folder, _OWN_DAG.format(notify=[{"notifier": HTTP, "arguments": POST}]), monkeypatch
    )
    answer("Reject", monkeypatch)
    assert dag.test(logical_date=datetime.now(UTC)).state == "failed"
    assert [post["event"] for post in web.posts] == ["approval", "finished"]
    assert dag_world.statuses("own") == {"suppressed": 60}


def test_nobody_is_told_of_a_run_that_nobody_could_approve(told: Any, web: WebServer) -> None:
    run = told({"notifier": HTTP, "arguments": POST}, approval={"above": 5})
    assert run.state == "failed"
    assert [post["event"] for post in web.posts] == ["finished"]


def test_each_notifier_is_told_of_its_own_events_only(dag_world: DagWorld, told: Any, web: WebServer) -> None:
    dag_world.phonon.inject(_LOSE)
    told({"notifier": HTTP, "on": ["held", "top_up"], "arguments": POST})
    assert [post["event"] for post in web.posts] == ["held"]
    assert "'phonon held list'" in web.posts[0]["text"]


@pytest.mark.parametrize("kind", [RaisingNotifier, ExitingNotifier])
def test_a_notifier_that_fails_is_a_warning_and_the_others_are_told(
    dag_world: DagWorld, told: Any, web: WebServer, kind: type[BaseNotifier], capfd: pytest.CaptureFixture[str]
) -> None:
    run = told({"notifier": here(kind)}, {"notifier": HTTP, "arguments": POST})
    assert run.state == "success"
    assert dag_world.statuses("told") == {"accepted": 60}
    assert [post["event"] for post in web.posts] == ["finished"]
    said = "".join(capfd.readouterr())
    assert f"notify[0]: {here(kind)} could not tell of 'finished': " in said
    assert "s3cret" not in said
    assert "99999" not in said


def test_a_run_whose_query_fails_tells_that_it_failed(told: Any, web: WebServer) -> None:
    run = told({"notifier": HTTP, "arguments": POST}, contacts="SELECT loan_id, mobile FROM nowhere")
    assert run.state == "failed"
    assert [post["event"] for post in web.posts] == ["finished"]
    assert "The run failed before all of its calls were sent" in web.posts[0]["text"]


def test_a_dry_run_says_that_it_is_one(told: Any, mail: MailServer) -> None:
    told({"notifier": SMTP, "arguments": MAIL}, conf={"dry_run": True})
    assert mail.subjects() == ["[told] dry run finished: dry_run 60"]


def test_arguments_that_a_notifier_does_not_render_are_rendered_for_it(told: Any) -> None:
    PlainNotifier.said.clear()
    told({"notifier": here(PlainNotifier), "arguments": {"message": "{{ run_id }}: {{ phonon.counts.accepted }}"}})
    (said,) = PlainNotifier.said
    assert said.endswith(": 60")
    assert not said.startswith("{{")


def test_a_notifier_that_cannot_be_made_fails_the_run_before_anything_is_planned(
    dag_world: DagWorld, told: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    run = told({"notifier": SMTP, "arguments": {**MAIL, "sbject": "x"}})
    assert states(run)["extract_and_batch"] == "failed"
    assert dag_world.phonon.summary()["requests"] == 0
    said = "".join(capfd.readouterr())
    assert "notify[0].arguments" in said
    assert "sbject" in said


def test_a_notifier_that_is_not_installed_makes_the_file_an_invalid_dag(told: Any) -> None:
    run = told({"notifier": "airflow.providers.nobody.notifications.nobody.NobodyNotifier"})
    assert run.state == "failed"
    doc = dag_named("told").doc_md
    assert "notify[0].notifier" in doc
    assert "There is no module airflow.providers.nobody here." in doc


def test_no_number_and_no_secret_is_told(dag_world: DagWorld, told: Any, mail: MailServer, web: WebServer) -> None:
    dag_world.phonon.inject(Fault(Kind.CODE, code=205, message=f"bad 919999930001 {SECURITY_ID}", times=2))
    dag_world.phonon.inject(_LOSE)
    everything = {key: "{{ phonon.%s }}" % key for key in ("subject", "text", "html", "counts", "codes")}  # noqa: UP031
    told({"notifier": SMTP, "arguments": MAIL}, {"notifier": HTTP, "arguments": {**POST, "json": everything}})
    text = "\n".join([*mail.subjects(), *mail.texts(), json.dumps(web.posts)])
    assert "[told]" in text
    assert SECURITY_ID not in text
    assert not re.findall(r"(?<!\d)(?:91)?99999\d{5}(?!\d)", text)
