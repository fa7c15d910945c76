"""Telling people: a campaign's notifiers, called from its tasks. None of them can change what the run does."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from logging import Logger
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from phonon.campaign.model import Campaign
from phonon.campaign.notices import Told
from phonon.campaign.notification import Event
from phonon.errors import PhononError
from phonon.redaction import masked

if TYPE_CHECKING:
    from phonon.campaign.notices import Notice
    from phonon.campaign.notification import Notification
    from phonon.campaign.run import Run

_LONGEST_SECONDS = 60.0
"""After which a notifier is left to itself: some wait for a server without end."""


def told_of(campaign: Campaign, run: Run) -> Told:
    """Say what the notices of a run are about."""
    dry_run = run.dry_run_reason if run.dry_run else ""
    return Told(campaign, run.run_id, run.interval_key, dry_run, run.dry_run_remedy)


class Notifying(Protocol):
    """What names the people to tell: a campaign, or what could be read of one."""

    @property
    def notify(self) -> tuple[Notification, ...]:
        """The notifiers, each with its events."""


def announce(
    campaign: Notifying, context: Mapping[str, Any], notice: Notice, log: Logger, *, told_apart: Event | None = None
) -> None:
    """Tell everybody whom a campaign names for the notice's event. What fails is a warning in the log.

    :param context: the task's, for the templates in the notifiers' arguments.
    :param told_apart: an event with a notice of its own that says the same: whoever gets that one is left out here.
    """
    notice = _linked(notice, context)
    for position, notification in enumerate(campaign.notify):
        if notice.event not in notification.on or told_apart in notification.on:
            continue
        failure = _told(notification, context, notice)
        if failure:
            log.warning(
                "notify[%d]: %s could not tell of %r: %s. The run goes on",
                position,
                notification.notifier,
                notice.event.value,
                failure,
            )
        else:
            log.info("notify[%d]: told of %r", position, notice.event.value)


def _linked(notice: Notice, context: Mapping[str, Any]) -> Notice:
    """Add the pages of the run and the task. Both begin with the address that Airflow is configured to have."""
    task_instance = context["ti"]
    task_url = getattr(task_instance, "log_url", "")
    run_path = f"/runs/{quote(context['dag_run'].run_id)}"
    before, found, _ = task_url.partition(f"{run_path}/tasks/")
    return notice.linked(run_url=f"{before}{run_path}", task_url=task_url) if found else notice


def is_last_try(context: Mapping[str, Any], error: BaseException) -> bool:
    """Whether Airflow will not run the task again by itself after this error."""
    task_instance = context["ti"]
    return isinstance(error, AirflowFailException) or task_instance.try_number > task_instance.max_tries


def _told(notification: Notification, context: Mapping[str, Any], notice: Notice) -> str:
    """Call one notifier; gives what it failed of, without anything that could be a secret."""
    failures: list[BaseException] = []

    def call() -> None:
        try:
            _call(notification, context, notice)
        except BaseException as error:  # noqa: BLE001 - somebody else's code, which must not end the task
            failures.append(error)

    # In a thread, since a server that never answers must not keep the results from being pushed.
    caller = Thread(target=call, name="phonon-notifier", daemon=True)
    caller.start()
    caller.join(_LONGEST_SECONDS)
    if caller.is_alive():
        return f"it has not ended within {_LONGEST_SECONDS:.0f} seconds"
    return _described(failures[0]) if failures else ""


def _call(notification: Notification, context: Mapping[str, Any], notice: Notice) -> None:
    from phonon.hooks.notifiers import TEMPLATE_NAME, notifier_class, rendered_by_us  # noqa: PLC0415 - heavy

    kind = notifier_class(notification.notifier)
    # A copy: templates must see the notice, and the task's own context must stay as it is.
    known = {**context, TEMPLATE_NAME: notice}
    arguments = deepcopy(dict(notification.arguments))
    for name, value in rendered_by_us(kind, arguments).items():
        arguments[name] = context["task"].render_template(value, known)
    notifier = kind(**arguments)
    # Its two steps one by one, since to call a notifier as a whole would write the text of its error to the log.
    notifier.render_template_fields(known)
    notifier.notify(known)


def _described(error: BaseException) -> str:
    """Name an error. The texts of others may hold an address with a token in it."""
    kind = type(error).__name__
    if isinstance(error, PhononError | AirflowException):
        return f"{kind}: {masked(str(error))}"
    if isinstance(error, OSError) and error.strerror:
        return f"{kind}: {error.strerror}"
    return kind
