"""Messy contacts, the same every time: what a warehouse really holds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd

_NAMES = ("Asha", "Ravi", "Meera", "Imran", "Lakshmi", "D'Souza", "José", "आशा", "ரவி", 'Anil "AJ" Jain', None)
_HINDI_NAMES = ("आशा", "रवि कुमार", "मीरा", "इमरान", "लक्ष्मी")
_HINDI_SERVICES = ("इंटरनेट मरम्मत", "नया कनेक्शन", "बिल सुधार")
_BAD_NUMBERS = ("12345", "not given", "022 0000 0000", "+1 415 555 0100", "99999", "", None, "0", "99999 12345 678")
_WRITINGS = ("{}", "+91 {}", "0{}", "91{}", "+91-{}", "(+91) {}", " {} ", "{}.0")


def today_at(moment: datetime) -> date:
    """The day that the example campaigns take for today at a moment: India's, wherever the machine is."""
    return moment.astimezone(ZoneInfo("Asia/Kolkata")).date()


def seed(path: Path, *, contacts: int, today: date, random_seed: int = 7) -> None:
    """Fill a DuckDB file with the tables that the example campaigns read.

    ``contacts`` policies run out a week after ``today``, a hundredth of that on each other day around it. A run
    finds them if ``today`` is its own day: ``today_at`` the moment that it is dated by.
    """
    draw = random.Random(random_seed)  # noqa: S311 - the same contacts every time, no secrets
    tables = {
        "policies": pd.DataFrame(list(_policies(draw, contacts, today + timedelta(days=7)))),
        "loans": pd.DataFrame(list(_loans(draw))),
        "service_visits": pd.DataFrame(list(_visits(draw))),
        "new_customers": pd.DataFrame(list(_customers(draw))),
    }
    with duckdb.connect(str(path)) as connection:
        for name, frame in tables.items():
            connection.register("seeded", frame)
            connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM seeded")  # noqa: S608 - names above
            connection.unregister("seeded")


def _policies(draw: random.Random, contacts: int, due: date) -> Iterator[dict[str, object]]:
    days = [due + timedelta(days=day) for day in range(-10, 11) if day]
    others = [day for day in days for _ in range(max(1, contacts // 100))]
    for index in range(contacts):
        yield _policy(draw, index, index, due)
    for index, day in enumerate(others, start=contacts):
        yield _policy(draw, index, draw.randrange(contacts), day)


def _policy(draw: random.Random, index: int, number: int, due: date) -> dict[str, object]:
    kind = draw.random()
    policy_id: str | None = f"POL-{index:07d}"
    if kind < 0.005:
        policy_id = None
    elif kind < 0.015 and index:
        policy_id = f"POL-{draw.randrange(index):07d}"
    mobile: str | None = _written(draw, number)
    alternate = _written(draw, number + 50_000) if draw.random() < 0.3 else None
    if 0.015 < kind < 0.05:
        mobile = draw.choice(_BAD_NUMBERS)
    elif 0.05 < kind < 0.07 and number:
        mobile = _written(draw, draw.randrange(number))  # a household shares its phone
    return {
        "policy_id": policy_id,
        "first_name": draw.choice(_NAMES),
        "mobile": mobile,
        "alternate_mobile": alternate,
        "due_date": due,
        "amount": Decimal(draw.randrange(50_000, 5_000_000)) / 100,
    }


def _loans(draw: random.Random) -> Iterator[dict[str, object]]:
    for index in range(60):
        yield {
            "loan_id": 700_000 + index,
            "borrower": draw.choice(_NAMES),
            "instalment": float(draw.randrange(2_000, 9_000)),
            "days_late": index % 5,
            "mobile": 9_999_930_000 + index,
        }


def _visits(draw: random.Random) -> Iterator[dict[str, object]]:
    for index in range(200):
        yield {
            "visit_id": f"V{index:04d}",
            "subscriber": draw.choice(_HINDI_NAMES),
            "service": draw.choice(_HINDI_SERVICES),
            "mobile": _written(draw, 20_000 + index) if index % 7 else draw.choice(_BAD_NUMBERS),
            "alternate_mobile": _written(draw, 21_000 + index) if index % 3 else None,
            "office_mobile": _written(draw, 22_000 + index) if index % 2 else None,
        }


def _customers(draw: random.Random) -> Iterator[dict[str, object]]:
    for index in range(40):
        yield {
            "customer_id": f"C{index:03d}",
            "first_name": draw.choice(_NAMES),
            "mobile": _written(draw, 25_000 + index),
        }


def _written(draw: random.Random, index: int) -> str:
    """One of the 100,000 numbers that are kept for demonstrations, in some usual writing."""
    number = f"99999{index % 100_000:05d}"
    if draw.random() < 0.2:
        number = f"{number[:5]} {number[5:]}"
    return draw.choice(_WRITINGS).format(number)
