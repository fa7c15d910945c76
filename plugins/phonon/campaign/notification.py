"""Who is told what by which Airflow notifier."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from phonon.campaign.parts import FIXED, without_repeats
from phonon.campaign.shapes import Shape


class Event(StrEnum):
    """What people can be told."""

    HELD = "held"
    TOP_UP = "top_up"
    FIX_CONFIGURATION = "fix_configuration"
    APPROVAL = "approval"
    FINISHED = "finished"


ClassPath = Annotated[
    str,
    Shape(
        r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+",
        "the path of a notifier's class, like airflow.providers.smtp.notifications.smtp.SmtpNotifier",
    ),
]


class Notification(BaseModel):
    """One notifier, and the events that it is used for."""

    model_config = FIXED

    notifier: ClassPath = Field(
        description="The class of any Airflow notifier that is installed.",
        examples=["airflow.providers.smtp.notifications.smtp.SmtpNotifier"],
    )
    on: Annotated[tuple[Event, ...], AfterValidator(without_repeats)] = Field(
        default=tuple(Event),
        min_length=1,
        description="What it is used for; by default everything.",
        examples=[["held", "top_up", "fix_configuration", "approval", "finished"]],
        json_schema_extra={"uniqueItems": True},
    )
    arguments: Mapping[str, Any] = Field(
        default={},
        description=(
            "The notifier's own arguments, templated by it: {{ phonon.subject }} and {{ phonon.text }} are what "
            "there is to say."
        ),
        examples=[
            {"to": "campaigns@example.com", "subject": "{{ phonon.subject }}", "html_content": "{{ phonon.text }}"}
        ],
        json_schema_extra={"additionalProperties": True},
    )
