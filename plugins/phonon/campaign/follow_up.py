"""Calling again those whom another campaign has called, or has failed to call."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StrictInt, model_validator

from phonon.campaign.parts import FIXED, without_repeats
from phonon.campaign.shapes import DagId, Duration, clash
from phonon.duration import duration_text
from phonon.ledger.states import CallStatus
from phonon.planning.rules import FollowUpRule


class FollowedStatus(StrEnum):
    """A status that can be followed up: one that will not change any more."""

    ACCEPTED = "accepted"
    ACCEPTED_EARLIER = "accepted_earlier"
    REFUSED = "refused"
    EXPIRED = "expired"


class FollowUp(BaseModel):
    """Only contacts whose latest call in another campaign ended in a given way are called."""

    model_config = FIXED

    of: DagId = Field(
        description="The campaign that is followed up, which has the same ledger.", examples=["renewal_reminder"]
    )
    status: Annotated[tuple[FollowedStatus, ...], AfterValidator(without_repeats)] = Field(
        default=(FollowedStatus.REFUSED, FollowedStatus.EXPIRED),
        min_length=1,
        description="What the latest call there came to, as in the results table.",
        examples=[["refused", "expired"]],
        json_schema_extra={"uniqueItems": True},
    )
    codes: Annotated[tuple[StrictInt, ...], AfterValidator(without_repeats)] = Field(
        default=(206, 208, 500),
        description=(
            "Of the refused ones, only those with these response codes; an empty list for all. The default are "
            "the reasons that pass."
        ),
        examples=[[206, 208, 500]],
        json_schema_extra={"uniqueItems": True},
    )
    at_most: StrictInt = Field(
        default=1, ge=1, description="How many times a contact is followed up, at most.", examples=[1, 3]
    )
    apart: Duration = Field(
        default=timedelta(days=1),
        description="The least time from one call to the next, the followed one included.",
        examples=["1d"],
    )
    within: Duration = Field(
        default=timedelta(days=7),
        description="Calls of the followed campaign that are older than this are not followed up.",
        examples=["7d"],
    )

    @model_validator(mode="after")
    def _can_be_kept(self) -> FollowUp:
        if "codes" in self.model_fields_set and FollowedStatus.REFUSED not in self.status:
            raise clash(
                "The codes are those of refused calls, and status does not have refused. Add it, or remove codes.",
                at=["codes"],
            )
        last = self.at_most * self.apart
        if last >= self.within:
            raise clash(
                f"{self.at_most} follow-up{'' if self.at_most == 1 else 's'} at least {duration_text(self.apart)} "
                f"apart end {duration_text(last)} after the followed call or later, which is not within "
                f"{duration_text(self.within)}. Give a longer within, or fewer of them, or less apart.",
                at=["within" if "within" in self.model_fields_set else "apart"],
            )
        return self

    @property
    def rule(self) -> FollowUpRule:
        """What it means for planning."""
        return FollowUpRule(
            self.of,
            frozenset(CallStatus(status) for status in self.status),
            frozenset(self.codes),
            self.at_most,
            self.apart,
            self.within,
        )
