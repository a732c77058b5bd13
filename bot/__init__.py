"""The conversation on the phone: a front door that speaks Telegram's Bot API."""

import os

# Durations as timedelta, the library's coming default; else each one it makes is a warning.
os.environ.setdefault("PTB_TIMEDELTA", "true")
