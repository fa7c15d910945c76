"""Making the notifiers that campaigns name, or saying why one cannot be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import jinja2
from airflow.sdk import BaseNotifier
from jinja2 import nodes

from phonon.campaign.document import Location, key_path
from phonon.campaign.model import Campaign
from phonon.campaign.notices import Notice
from phonon.campaign.notification import Notification
from phonon.campaign.problems import did_you_mean
from phonon.errors import ConfigurationError
from phonon.redaction import masked

TEMPLATE_NAME = "phonon"
"""What a notice is called in the templates of a notifier's arguments."""

_OF_A_NOTICE = frozenset({*Notice.__dataclass_fields__, "html"})


def check_notifiers(campaign: Campaign) -> None:
    """Raise ConfigurationError, with everything that is wrong, if a notifier of a campaign cannot be made."""
    problems = problems_of_notifiers(campaign)
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        raise ConfigurationError(
            f"Campaign {campaign.name} cannot tell people what it is to tell them:\n{listed}\nNothing was planned."
        )


def problems_of_notifiers(campaign: Campaign) -> list[str]:
    """Say what is wrong with each notifier of a campaign, by key. Imports them, but connects to nothing."""
    return [f"{key_path(location)}: {text}" for location, text in wrong_notifiers(campaign)]


def wrong_notifiers(campaign: Campaign) -> Iterator[tuple[Location, str]]:
    """Yield the same, with where it stands in the campaign's file."""
    for position, notification in enumerate(campaign.notify):
        for location, text in _problems(notification):
            yield ("notify", position, *location), text


def notifier_class(path: str) -> type[Any]:
    """Import the class of a notifier.

    Raises ConfigurationError if there is none, or if it cannot tell anybody from within a task.
    """
    module, _, name = path.rpartition(".")
    try:
        found: Any = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"{path} cannot be imported ({masked(str(error))}). Install the package that has it, on every machine "
            "that runs tasks, or mend the path."
        ) from None
    if not (isinstance(found, type) and issubclass(found, BaseNotifier)):
        raise ConfigurationError(f"{path} is not a notifier: it is no class under airflow.sdk.BaseNotifier.")
    kind: type[Any] = found
    if kind.notify is BaseNotifier.notify:
        raise ConfigurationError(f"{path} has no notify of its own: it can only be used by the triggerer.")
    return kind


def rendered_by_us(kind: type[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return those arguments with Jinja in them that a notifier does not render itself."""
    own = frozenset(kind.template_fields)
    return {name: value for name, value in arguments.items() if name not in own and any(_templates(value))}


def _problems(notification: Notification) -> Iterator[tuple[Location, str]]:
    try:
        kind = notifier_class(notification.notifier)
    except ConfigurationError as error:
        yield ("notifier",), str(error)
        return
    except Exception as error:  # noqa: BLE001 - whatever somebody else's module does when it is imported
        yield ("notifier",), f"Importing {notification.notifier} failed: {type(error).__name__}."
        return
    wrong = list(_wrong_templates(notification.arguments))
    refused = "" if wrong else _refusal(kind, notification.arguments)
    if refused:
        wrong.append((("arguments",), f"{notification.notifier} refuses them: {refused}"))
    yield from wrong


def _refusal(kind: type[Any], arguments: Mapping[str, Any]) -> str:
    """What making a notifier fails of; empty if it does not."""
    try:
        kind(**arguments)
    except TypeError as error:  # an unknown argument, or one that is missing
        return masked(str(error))
    except Exception as error:  # noqa: BLE001 - somebody else's constructor
        # It may have been given a template where it will be given a value.
        return "" if rendered_by_us(kind, arguments) else f"{type(error).__name__}: {masked(str(error))}"
    return ""


def _wrong_templates(arguments: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - parses only
    for name, value in arguments.items():
        for template in _templates(value):
            try:
                parsed = environment.parse(template)
            except jinja2.TemplateSyntaxError as error:
                yield ("arguments", name), f"This is not valid Jinja: {error.message}"
                continue
            for unknown in _unknown_of_a_notice(parsed):
                near = did_you_mean(unknown, _OF_A_NOTICE)
                yield ("arguments", name), f"There is no {TEMPLATE_NAME}.{unknown}.{near}"


def _unknown_of_a_notice(parsed: nodes.Template) -> list[str]:
    asked = {
        each.attr
        for each in parsed.find_all(nodes.Getattr)
        if isinstance(each.node, nodes.Name) and each.node.name == TEMPLATE_NAME
    }
    return sorted(asked - _OF_A_NOTICE)


def _templates(value: object) -> Iterator[str]:
    """Every text with Jinja in a value, however deep."""
    if isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _templates(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _templates(each)
