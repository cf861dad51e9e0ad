"""How long a consent holds (domain.md §12)."""

from datetime import UTC, date, datetime, time, timedelta

from zaitaku.core.clock import JST


def end_of_validity(visit_date: date | None, days: int) -> datetime | None:
    """Return the first moment at which a consent no longer holds, or ``None``: until withdrawn.

    With a 受診日 it holds until the end of the day in Japan that is ``days`` days after it.
    """
    if visit_date is None:
        return None
    after = visit_date + timedelta(days=days + 1)
    return datetime.combine(after, time(), JST).astimezone(UTC)
