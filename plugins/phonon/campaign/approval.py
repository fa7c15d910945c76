"""When a person has to approve before a run sends."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, Field, StrictInt

from phonon.campaign.parts import FIXED
from phonon.campaign.shapes import Duration


class Approval(BaseModel):
    """A person approves in the Airflow UI before more than this is sent."""

    model_config = FIXED

    above: StrictInt | None = Field(
        default=None,
        ge=0,
        description="Ask before more calls than this are sent; 0 asks always, null never because of the count.",
        examples=[10000],
    )
    unusual: StrictInt | None = Field(
        default=5,
        ge=2,
        description=(
            "Ask when a run would send more than so many times the campaign's usual count; null never. It takes "
            "three earlier runs to tell what is usual, and asks for no fewer than 1000 calls."
        ),
        examples=[5],
    )
    wait: Duration = Field(
        default=timedelta(hours=12),
        description="How long to wait for an answer; without one the run is rejected.",
        examples=["12h"],
    )
