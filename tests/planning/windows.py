"""Calling windows for tests."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

from phonon.calling_window import EVERY_DAY, CallingWindow

INDIA = ZoneInfo("Asia/Kolkata")
OPEN_ALL_DAY = (time(), time.max)
OFFICE_HOURS = CallingWindow(time(10), time(19), EVERY_DAY, INDIA)
ALWAYS = CallingWindow(*OPEN_ALL_DAY, EVERY_DAY, INDIA)
