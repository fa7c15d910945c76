"""The parts of a campaign that have keys of their own: its window, its limits, what to do about the unknown."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from phonon.api.endpoints import Endpoint
from phonon.calling_window import CallingWindow, Holidays, Outside, Weekday
from phonon.campaign.holiday_calendars import Holiday, HolidayCalendar, holiday_list
from phonon.campaign.purposes import INDIA, Purpose, on_indian_clock, what_is_wider
from phonon.campaign.shapes import Shape, TimeOfDay, Timezone, clash
from phonon.dispatch.policy import UnknownPolicy

FIXED = ConfigDict(frozen=True, extra="forbid")
"""Nothing of a campaign changes after it was read, and no key is ignored."""


_Value = TypeVar("_Value")


def without_repeats(values: tuple[_Value, ...]) -> tuple[_Value, ...]:
    """Return ``values`` as they are, or refuse them if one comes twice."""
    twice = next((value for i, value in enumerate(values) if value in values[:i]), None)
    if twice is not None:
        raise clash(f"{str(twice)!r} comes twice in the list; remove one.")
    return values


class Window(BaseModel):
    """Calling hours narrower than the purpose's. What is left out is as the purpose has it."""

    model_config = FIXED

    open: TimeOfDay | None = Field(
        default=None, description="Time of day from which on calls may start.", examples=["10:00"]
    )
    close: TimeOfDay | None = Field(
        default=None, description="Time of day from which on no call may start any more.", examples=["19:00"]
    )
    days: Annotated[tuple[Weekday, ...], AfterValidator(without_repeats)] = Field(
        default=tuple(Weekday),
        min_length=1,
        description="Days of the week on which calls may start.",
        examples=[["mon", "tue", "wed", "thu", "fri"]],
        json_schema_extra={"uniqueItems": True},
    )
    timezone: Timezone = Field(
        default=INDIA,
        description=(
            "Timezone of open and close, which must then both be given. The hours have to lie inside the "
            "purpose's all year round."
        ),
        examples=["Asia/Kolkata"],
    )
    holidays: Annotated[tuple[Holiday, ...], BeforeValidator(holiday_list), AfterValidator(without_repeats)] = (
        Field(
            default=(),
            description=(
                "Dates on which no call starts, on the calendar of the window's timezone: dates, and calendars "
                "of the package holidays by country and region (IN-KA, or {country: IN, region: KA})."
            ),
            examples=[["2026-12-25", "IN-KA", {"country": "IN", "region": "MH"}]],
            json_schema_extra={"uniqueItems": True},
        )
    )
    outside: Outside = Field(
        default=Outside.NEXT_WINDOW,
        description=(
            "What becomes of a call whose moment is outside the window: next_window hands it over with a "
            "start-time in the next one, wait hands it over only when that is open, drop does not make it."
        ),
        examples=["next_window"],
    )

    def narrowing(self, purpose: Purpose) -> CallingWindow:
        """Return the hours of ``purpose``, narrowed by these.

        :raises PydanticCustomError: if these are wider, or make no sense with those of the purpose.
        """
        preset = purpose.preset
        if (self.open is None or self.close is None) and not on_indian_clock(self.timezone):
            raise clash(
                f"The hours that the window leaves out would be the purpose's, on Indian clocks. With timezone "
                f"{self.timezone.key}, give both open and close.",
                at=["timezone"],
            )
        opens, closes = self.open or preset.open, self.close or preset.close
        if opens >= closes:
            raise clash(
                f"The window opens at {opens:%H:%M} and closes at {closes:%H:%M} (purpose {purpose} has "
                f"{preset}). It must open before it closes, on the same day.",
                at=["close" if self.close else "open"],
            )
        window = CallingWindow(opens, closes, frozenset(self.days), self.timezone, self._holidays())
        outside = what_is_wider(window, preset)
        if outside is not None:
            raise clash(
                f"The window, {outside}, is wider than purpose {purpose} allows: {preset}. A window may only "
                f"narrow the hours of the purpose.",
                at=["open" if self.open and (opens < preset.open or not self.close) else "close"],
            )
        return window

    def _holidays(self) -> Holidays:
        return Holidays(
            frozenset(each for each in self.holidays if isinstance(each, date)),
            tuple(each for each in self.holidays if isinstance(each, HolidayCalendar)),
        )


GroupName = Annotated[
    str,
    Shape(
        r"[A-Za-z][A-Za-z0-9_.\-]{0,99}",
        "the name of a group: a letter, then at most 99 letters, digits, '_', '-' or '.'",
    ),
]


class PerNumber(BaseModel):
    """How often one phone number is called, by the campaign or by all campaigns of a group."""

    model_config = FIXED

    calls: StrictInt = Field(default=1, ge=1, description="At most so many calls to a number.", examples=[1])
    days: StrictInt = Field(default=1, ge=1, description="In so many days.", examples=[1, 7])
    group: GroupName | None = Field(
        default=None,
        description="Campaigns of one group share the count; without a group a campaign counts its own calls.",
        examples=["reminders"],
    )


class Limits(BaseModel):
    """How many calls an interval has, and how often one number is called."""

    model_config = FIXED

    max_calls: StrictInt | None = Field(
        default=None,
        gt=0,
        description="At most so many calls in an interval, all its runs together; null for no limit.",
        examples=[50000],
    )
    per_number: PerNumber | None = Field(
        default=PerNumber(),
        description="How often one number is called; null for no limit.",
        examples=[{"calls": 1, "days": 1}],
    )


class OnHeld(StrEnum):
    """How a run ends whose calls are held."""

    FAIL = "fail"
    SUCCEED = "succeed"


class OnUnknown(BaseModel):
    """What to do about batches of unknown outcome, by endpoint."""

    model_config = FIXED

    bulk: UnknownPolicy = Field(
        default=UnknownPolicy.HOLD,
        description="For bulk, which may not notice that a body is a repetition.",
        examples=["hold"],
    )
    realtime: UnknownPolicy = Field(
        default=UnknownPolicy.RESEND,
        description="For real time, which refuses a body that it has had before.",
        examples=["resend"],
    )

    def at(self, endpoint: Endpoint) -> UnknownPolicy:
        """Return what to do at ``endpoint``."""
        return self.bulk if endpoint is Endpoint.BULK else self.realtime
