"""Where the bars of a plot stand: pure numbers, drawn by a template as SVG.

Scans are wide pale bars with an outline, registrations narrow full ones in front of them: told
apart by shape, not by colour alone. The same numbers stand in a table below.
"""

from dataclasses import dataclass
from typing import Final

from zaitaku.reception.posters.reports import Bar, Report, Unit

WIDTH: Final = 880
HEIGHT: Final = 300
LEFT: Final = 56
RIGHT: Final = 8
TOP: Final = 16
BOTTOM: Final = 44
MOST_LINES: Final = 5
"""Lines across the plot, the axis not counted."""
MOST_LABELS: Final = 8
_STEPS: Final = (1, 2, 5, 10, 20)


@dataclass(frozen=True)
class Line:
    """One line across the plot, with its number."""

    y: float
    value: int


@dataclass(frozen=True)
class Label:
    """A date below the plot."""

    x: float
    words: str


@dataclass(frozen=True)
class Column:
    """The two bars of one day or month."""

    x: float
    width: float
    scans_y: float
    scans_height: float
    inner_x: float
    inner_width: float
    completions_y: float
    completions_height: float


@dataclass(frozen=True)
class Plot:
    """Everything that the template draws."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM


def plot_of(report: Report) -> Plot:
    """Return the plot of a report."""
    highest = max([1, *(max(bar.scans, bar.completions) for bar in report.bars)])
    step = _step(highest)
    top = -(-highest // step) * step
    room = (WIDTH - LEFT - RIGHT) / len(report.bars)
    columns = tuple(_column(bar, place, room, top) for place, bar in enumerate(report.bars))
    lines = tuple(Line(_y(value, top), value) for value in range(0, top + 1, step))
    return Plot(columns, lines, tuple(_labels(report, room)))


def _step(highest: int) -> int:
    tens = int(10 ** max(len(str(highest)) - 2, 0))
    return next(step * tens for step in _STEPS if highest <= step * tens * MOST_LINES)


def _y(value: int, top: int) -> float:
    height = HEIGHT - TOP - BOTTOM
    return round(HEIGHT - BOTTOM - height * value / top, 1)


def _column(bar: Bar, place: int, room: float, top: int) -> Column:
    scans_y, completions_y, floor = _y(bar.scans, top), _y(bar.completions, top), _y(0, top)
    x = LEFT + place * room
    return Column(
        x=round(x + room * 0.12, 1),
        width=round(room * 0.76, 1),
        scans_y=scans_y,
        scans_height=round(floor - scans_y, 1),
        inner_x=round(x + room * 0.32, 1),
        inner_width=round(room * 0.36, 1),
        completions_y=completions_y,
        completions_height=round(floor - completions_y, 1),
    )


def _labels(report: Report, room: float) -> list[Label]:
    every = -(-len(report.bars) // MOST_LABELS)
    return [
        Label(round(LEFT + (place + 0.5) * room, 1), _words(bar, report.period.unit))
        for place, bar in enumerate(report.bars)
        if place % every == 0
    ]


def _words(bar: Bar, unit: Unit) -> str:
    if unit is Unit.MONTH:
        return f"{bar.begin.year}/{bar.begin.month}"
    return f"{bar.begin.month}/{bar.begin.day}"
