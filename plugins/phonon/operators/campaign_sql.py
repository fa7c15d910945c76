"""How the SQL of a campaign is rendered in a run: with names that every run has, and without some of Airflow's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from airflow.sdk.exceptions import AirflowFailException
from jinja2 import TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from phonon.campaign.model import Campaign
from phonon.campaign.shapes import is_sql_path
from phonon.campaign.sql_names import instead_of, sql_names
from phonon.operators.context import airflow_errors
from phonon.redaction import masked

_UNDEFINED = re.compile(r"'(\w+)' is undefined")


class RendersCampaignSql:
    """Mixed into an operator whose template fields hold a campaign's queries.

    A query that cannot be rendered fails the task at once: another try would find the same query.
    """

    sql_fields: ClassVar[Mapping[str, str]] = {}
    """The template fields that are queries, each with the campaign's key that it comes from."""
    sql_is_of_a_file: ClassVar[bool] = False

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Mapping[str, Any],
        jinja_env: Any,
        seen_oids: set[int],
    ) -> None:
        """Render as Airflow does, for a task and for a mapped one; the queries with names of their own."""
        wanted = list(template_fields)
        others = [field for field in wanted if field not in self.sql_fields]
        super()._do_render_template_fields(parent, others, context, jinja_env, seen_oids)  # type: ignore[misc] # the operator's
        with airflow_errors():
            campaign: Campaign = self.campaign  # type: ignore[attr-defined] # the operator's
        names = sql_names(context, campaign.calling_window.timezone, of_a_file=self.sql_is_of_a_file)
        for field in (field for field in wanted if field in self.sql_fields):
            query = getattr(parent, field)
            if query:
                where = _place(campaign, self.sql_fields[field])
                setattr(parent, field, self._rendered(where, query, names, jinja_env, seen_oids))

    def _rendered(self, where: str, query: Any, names: Mapping[str, Any], environment: Any, seen: set[int]) -> Any:
        try:
            return self.render_template(query, names, environment, seen)  # type: ignore[attr-defined] # the operator's
        except UndefinedError as error:
            said = masked(str(error)).rstrip(".")
            missing = _UNDEFINED.fullmatch(said)
            if missing:
                raise AirflowFailException(instead_of(missing[1], str(query), where, names)) from None
            raise AirflowFailException(f"Correct the Jinja of {where}: {said}.") from None
        except TemplateSyntaxError as error:
            said = masked(str(error.message)).rstrip(".")
            raise AirflowFailException(f"Correct the Jinja of {where}, line {error.lineno}: {said}.") from None
        except SecurityError as error:
            raise AirflowFailException(f"Correct the Jinja of {where}: {masked(str(error)).rstrip('.')}.") from None


def _place(campaign: Campaign, key: str) -> str:
    """Where the author of a query finds it: its file, else its key."""
    given = getattr(campaign, key)
    return given if isinstance(given, str) and is_sql_path(given) else f"{key} of {campaign.name}"
