"""All the breaks there are."""

from __future__ import annotations

from mutations.breaks_api import API
from mutations.breaks_around import AROUND
from mutations.breaks_budget import BUDGET
from mutations.breaks_dispatch import DISPATCH
from mutations.breaks_ledger import LEDGER
from mutations.mutation import Mutation

MUTATIONS: tuple[Mutation, ...] = (*DISPATCH, *LEDGER, *BUDGET, *API, *AROUND)
