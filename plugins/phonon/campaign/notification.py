"""Who is told what by which Airflow notifier."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from phonon.campaign.parts import FIXED, without_repeats
from phonon.campaign.shapes import Shape, clash


class Event(StrEnum):
    """What people can be told."""

    HELD = "held"
    TOP_UP = "top_up"
    FIX_CONFIGURATION = "fix_configuration"
    APPROVAL = "approval"
    FINISHED = "finished"


def _is_installed(path: str) -> str:
    """Refuse the path of a class whose module is missing from a package that is there. Imports nothing."""
    names = path.split(".")[:-1]
    search: Iterable[str] | None = None
    for depth in range(1, len(names) + 1):
        module = ".".join(names[:depth])
        is_there, search = _looked_up(module, search)
        # A package of one's own may be somewhere that only a running Airflow looks; the run will say.
        if not is_there and depth > 1:
            raise clash(
                f"There is no module {module} here. Install the package that has it, on every machine, or mend the "
                "path."
            )
        if not is_there or (search is None and depth < len(names)):
            break
    return path


def _looked_up(module: str, search: Iterable[str] | None) -> tuple[bool, Iterable[str] | None]:
    """Whether there is a module, and the folders of its submodules; ``search``: those of its package."""
    if loaded := sys.modules.get(module):
        return True, getattr(loaded, "__path__", None)
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(module, None if search is None else list(search))
        except KeyError:  # a namespace package, whose parts Python finds only when the package around it is loaded
            return True, None
        if spec is not None:
            return True, spec.submodule_search_locations
    return False, None


ClassPath = Annotated[
    str,
    Shape(
        r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+",
        "the path of a notifier's class, like airflow.providers.smtp.notifications.smtp.SmtpNotifier",
    ),
    AfterValidator(_is_installed),
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
