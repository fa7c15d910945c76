"""The holidays of a calling window: dates, and calendars of countries and regions from the package ``holidays``.

The package is imported only where a campaign names a calendar, and asked for the dates of a year only when a date
of that year is looked up: reading campaign files stays cheap.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from phonon.campaign.problems import shortened
from phonon.campaign.shapes import CalendarDate, calendar_date, clash, wrong
from phonon.errors import ConfigurationError

_COUNTRY = "[A-Z]{2}"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_SHORT = rf"({_COUNTRY})(?:-(.+))?"
_EXPECTED = "a date that exists, like 2026-12-25, or a calendar, like IN-KA or {country: IN, region: KA}"
_COUNTRY_EXPECTED = 'a country as two capital letters in quotes, like "IN"'
_MOST_SHOWN = 60


@dataclass(frozen=True)
class HolidayCalendar:
    """The public holidays of a country, or of one of its regions, as the installed package has them."""

    country: str
    """Two capital letters of ISO 3166."""
    region: str | None = None
    """A subdivision of the country, as the package names it."""

    def __contains__(self, day: object) -> bool:
        """Tell whether a date is a holiday.

        :raises ConfigurationError: if the package has no dates at all for its year.
        """
        return isinstance(day, date) and day in _dates(self, day.year)

    def __str__(self) -> str:
        return self.country if self.region is None else f"{self.country}-{self.region}"


def _dates(calendar: HolidayCalendar, year: int) -> frozenset[date]:
    dates = _known_dates(calendar, year)
    if not dates:
        raise ConfigurationError(
            f"The calendar {calendar} of the package holidays has no dates for {year}, so nobody can tell "
            f"which days are holidays. Give the dates themselves under window.holidays, or install a later version "
            f"of the package."
        )
    return dates


@cache
def _known_dates(calendar: HolidayCalendar, year: int) -> frozenset[date]:
    from holidays import country_holidays  # noqa: PLC0415 - imported only where a campaign names a calendar

    return frozenset(country_holidays(calendar.country, subdiv=calendar.region, years=year))


@cache
def _regions() -> Mapping[str, tuple[str, ...]]:
    """Return the countries that have a calendar, each with the codes of its regions."""
    from holidays import list_supported_countries  # noqa: PLC0415 - as above

    found = list_supported_countries(include_aliases=False)
    return {country: tuple(regions) for country, regions in sorted(found.items())}


def _region_names(country: str) -> dict[str, str]:
    """Return the names that the package knows of a country's regions, each with its code."""
    from holidays import country_holidays  # noqa: PLC0415 - as above

    aliases = country_holidays(country).get_subdivision_aliases()
    return {name: code for code, names in aliases.items() for name in names}


def _checked(country: str, region: str | None, *, mapping: bool) -> HolidayCalendar:
    """Return the calendar, or refuse one that the package does not have."""
    regions = _regions().get(country)
    if regions is None:
        near = ", ".join(known for known in _regions() if known[0] == country[0])
        raise clash(
            f"The package holidays has no calendar of a country {country!r}. Countries have the two letters of "
            f"ISO 3166; with {country[0]} there are: {near or 'none'}.",
            at=["country"] if mapping else (),
        )
    if region is not None and region not in regions:
        more = " ..." if len(regions) > _MOST_SHOWN else ""
        listed = f"Its regions: {', '.join(regions[:_MOST_SHOWN])}{more}." if regions else "It has no regions."
        near = _did_you_mean(region, {known: known for known in regions} | _region_names(country))
        raise clash(
            f"The calendar {country} of the package holidays has no region {shortened(region)!r}. {listed}{near}",
            at=["region"] if mapping else (),
        )
    return HolidayCalendar(country, region)


def _did_you_mean(written: str, codes: Mapping[str, str]) -> str:
    """Return a sentence that suggests the code whose name, or which itself, is nearly what was written."""
    by_lower = {name.lower(): code for name, code in codes.items()}
    near = get_close_matches(written.lower(), by_lower, n=1, cutoff=0.65)
    return f" Did you mean {by_lower[near[0]]}?" if near else ""


def _holiday(value: object) -> date | HolidayCalendar:
    if isinstance(value, HolidayCalendar):
        return _checked(value.country, value.region, mapping=False)
    if isinstance(value, Mapping):
        return _from_mapping(value)
    short = re.fullmatch(_SHORT, value) if isinstance(value, str) else None
    if short is not None:
        return _checked(short[1], short[2], mapping=False)
    try:
        return calendar_date(value)
    except PydanticCustomError:
        raise wrong(_EXPECTED) from None


def _from_mapping(value: Mapping[object, object]) -> HolidayCalendar:
    unknown = [str(key) for key in value if key not in {"country", "region"}]
    if unknown:
        raise clash("A calendar has the keys country and region.", at=unknown[:1])
    country, region = value.get("country"), value.get("region")
    if not isinstance(country, str) or re.fullmatch(_COUNTRY, country) is None:
        raise clash(f"Expected {_COUNTRY_EXPECTED}.", at=["country"] if "country" in value else ())
    if region is not None and not isinstance(region, str):
        raise clash("Expected the code of a region in quotes.", at=["region"])
    return _checked(country, region, mapping=True)


def holiday_list(value: object) -> object:
    """Refuse what is no list, in words; return the rest as it is."""
    if not isinstance(value, list | tuple):
        raise wrong("a list of dates and calendars, like [2026-12-25, IN-KA]")
    return value


Holiday: TypeAlias = Annotated[
    CalendarDate | HolidayCalendar,
    BeforeValidator(_holiday),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^({_DATE}|{_SHORT})$"},
                {
                    "type": "object",
                    "properties": {
                        "country": {"type": "string", "pattern": f"^{_COUNTRY}$"},
                        "region": {"type": "string"},
                    },
                    "required": ["country"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""A date, or a calendar given as a mapping or as short text: ``IN``, ``IN-KA``."""
