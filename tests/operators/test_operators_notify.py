"""Whom the operator for Dags of one's own tells, and what is said of notifiers that cannot be made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from closed_port import closed_port
from operators.desk import KEYS, Desk, leaked
from phonon.campaign.model import Campaign
from phonon.hooks.notifiers import problems_of_notifiers
from phonon.operators.outbound import PhononOutboundOperator
from simulator import Fault, Kind, When
from told import WebServer, serving

SMTP = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
HTTP = "airflow.providers.http.notifications.http.HttpNotifier"
POST = {"http_conn_id": "told", "json": {"event": "{{ phonon.event }}", "text": "{{ phonon.text }}"}}


class PickyNotifier(BaseNotifier):
    """Wants a number, which a template becomes only when it is rendered."""

    def __init__(self, level: object) -> None:
        super().__init__()
        self.level = int(str(level))

    def notify(self, context: object) -> None:
        """Say nothing."""


class TriggererNotifier(BaseNotifier):
    """Can only be awaited."""


@pytest.fixture
def web(desk: Desk) -> Iterator[WebServer]:
    with serving(WebServer()) as server:
        desk.connect("told", **server.connection)
        yield server


def outbound(desk: Desk, *, tries_left: int = 0, log_url: str = "", **keys: Any) -> Any:
    """Run a campaign that tells everything by HTTP, at its last try or before."""
    options = {"task_id": "calls", **KEYS, "notify": [{"notifier": HTTP, "arguments": POST}], **keys}
    context = desk.context()
    context["ti"] = SimpleNamespace(
        try_number=1, max_tries=tries_left, log_url=log_url, xcom_push=desk.xcoms.__setitem__
    )
    return PhononOutboundOperator(**options).execute(context)


def test_a_run_that_stops_is_told_once(desk: Desk, web: WebServer) -> None:
    desk.phonon.inject(Fault(Kind.CODE, code=212, times=None))
    with pytest.raises(AirflowFailException):
        outbound(desk, endpoint="realtime")
    assert [post["event"] for post in web.posts] == ["top_up"]
    assert leaked(web.posts) == []


def test_who_asks_only_for_the_end_of_runs_is_told_of_one_that_stopped(desk: Desk, web: WebServer) -> None:
    desk.phonon.inject(Fault(Kind.CODE, code=212, times=None))
    with pytest.raises(AirflowFailException):
        outbound(desk, notify=[{"notifier": HTTP, "arguments": POST, "on": ["finished"]}])
    (post,) = web.posts
    assert post["event"] == "finished"
    assert "What to do: " in post["text"]


def test_a_notice_has_links_to_its_run_and_its_task(desk: Desk, web: WebServer) -> None:
    page = "https://airflow.example.com/dags/d/runs/manual__2026-11-27T04%3A30%3A00%2B00%3A00"
    desk.dag_run = {"run_id": "manual__2026-11-27T04:30:00+00:00"}
    outbound(desk, log_url=f"{page}/tasks/calls?try_number=1")
    (post,) = web.posts
    assert post["text"].endswith(f"Run: {page}\nTask: {page}/tasks/calls?try_number=1")


def test_a_run_with_held_calls_tells_of_them(desk: Desk, web: WebServer) -> None:
    desk.phonon.inject(Fault(Kind.RESET, when=When.AFTER))
    with pytest.raises(AirflowFailException, match="12 calls held"):
        outbound(desk)
    assert [post["event"] for post in web.posts] == ["held", "finished"]


def test_a_run_at_its_limit_says_that_the_rest_waits_for_another_run(desk: Desk, web: WebServer) -> None:
    desk.phonon.inject(Fault(Kind.CODE, code=212))
    with pytest.raises(AirflowFailException):
        outbound(desk)
    desk.dag_run = {"run_id": "limited"}
    summary = outbound(desk, limit=5)
    assert (summary["interval"]["by_status"], summary["at_limit"]) == ({"accepted": 5, "pending": 7}, True)
    assert "7 calls pending, since the run had placed as many as its limit allows" in web.posts[-1]["text"]


@pytest.mark.parametrize(("tries_left", "events"), [(1, []), (0, ["finished"])])
def test_a_failure_is_told_when_airflow_will_not_try_again(
    desk: Desk, web: WebServer, tries_left: int, events: list[str]
) -> None:
    with closed_port() as port:
        desk.connect_phonon(bulk_url=f"http://127.0.0.1:{port}/nowhere")
        with pytest.raises(AirflowException):
            outbound(desk, tries_left=tries_left)
    assert [post["event"] for post in web.posts] == events


def test_results_that_cannot_be_written_are_told(desk: Desk, web: WebServer) -> None:
    desk.sql("CREATE VIEW phonon_call_results AS SELECT 1 AS something_else")
    with pytest.raises(AirflowException):
        outbound(desk)
    (post,) = web.posts
    assert "The results could not be written" in post["text"]


def test_a_server_that_refuses_does_not_change_the_run(desk: Desk, web: WebServer) -> None:
    web.status = 500
    assert outbound(desk)["by_status"] == {"accepted": 12}


@pytest.mark.parametrize(
    ("notification", "problem"),
    [
        ({"notifier": f"{SMTP}s", "arguments": {}}, r"notify\[0\].notifier: .*SmtpNotifiers cannot be imported"),
        ({"notifier": "nowhere_at_all.Notifier"}, "No module named 'nowhere_at_all'"),
        ({"notifier": "airflow.sdk.BaseOperator"}, "is not a notifier"),
        ({"notifier": f"{__name__}.TriggererNotifier"}, "has no notify of its own"),
        ({"notifier": SMTP, "arguments": {}}, r"notify\[0\].arguments: .* missing 1 required .*'to'"),
        ({"notifier": SMTP, "arguments": {"to": "a@example.com", "sbject": "{{ x }}"}}, "sbject"),
        (
            {"notifier": SMTP, "arguments": {"to": "{{ phonon.txt }}"}},
            r"notify\[0\].arguments.to: There is no phonon.txt. Did you mean 'text'",
        ),
        (
            {"notifier": HTTP, "arguments": {"json": {"a": ["{{ phonon. }}"]}}},
            "arguments.json: This is not valid Jinja",
        ),
        ({"notifier": f"{__name__}.PickyNotifier", "arguments": {"level": "high"}}, "refuses them: ValueError"),
    ],
    ids=["class", "module", "kind", "triggerer only", "missing", "unknown", "notice", "syntax", "value"],
)
def test_a_notifier_that_cannot_be_made_is_told_by_its_key(notification: dict[str, Any], problem: str) -> None:
    campaign = Campaign.model_validate({**KEYS, "notify": [notification]})
    (found,) = problems_of_notifiers(campaign)
    assert re.search(problem, found)


def test_a_template_is_no_problem_of_an_argument_that_is_rendered_first() -> None:
    notification = {"notifier": f"{__name__}.PickyNotifier", "arguments": {"level": "{{ phonon.counts.held }}"}}
    assert problems_of_notifiers(Campaign.model_validate({**KEYS, "notify": [notification]})) == []


def test_arguments_that_fit_are_no_problem() -> None:
    arguments = {"to": "a@example.com", "subject": "{{ phonon.subject }}", "html_content": "{{ phonon.html }}"}
    notification = {"notifier": SMTP, "arguments": arguments}
    assert problems_of_notifiers(Campaign.model_validate({**KEYS, "notify": [notification]})) == []
