"""Calling again those whom another campaign has called, or has failed to call."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StrictInt

from phonon.campaign.parts import FIXED, without_repeats
from phonon.campaign.shapes import DagId, Duration


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
