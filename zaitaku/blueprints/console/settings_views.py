"""What the pages around a change of settings show: the change, its effects, somebody else's."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from zaitaku.blueprints.console.presenting import japan_day
from zaitaku.blueprints.console.settings_drafts import Draft
from zaitaku.blueprints.edge import services
from zaitaku.consent.questions import questions_for
from zaitaku.core.clock import japan_date
from zaitaku.core.languages import Language
from zaitaku.core.ruby import plain
from zaitaku.facilities.merging import rebase
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility, SettingsChange
from zaitaku.facilities.terms import Acceptance
from zaitaku.facilities.words import SWITCHES, TERMS, ChangedSetting, changed_settings


@dataclass(frozen=True)
class CheckView:
    """The check page."""

    draft: Draft
    changes: tuple[ChangedSetting, ...]
    switched_off: tuple[str, ...]
    """The functions that stop."""
    accepted: tuple[str, ...]
    """The functions whose terms were OK'd."""
    asked_before: tuple[str, ...]
    asked_after: tuple[str, ...]
    channels: tuple[Channel, ...]
    """Where there is something to preview."""
    begins_on: str
    """The day on which reception begins; empty: it has begun."""


def check_view(facility: Facility, draft: Draft) -> CheckView:
    """Return what changes, in words."""
    before, after = facility.settings, draft.settings
    starts_on = facility.enrolment.starts_on
    has_begun = facility.has_begun(japan_date(services().clock.now()))
    return CheckView(
        draft=draft,
        changes=changed_settings(before, after),
        switched_off=tuple(_names(before, after)),
        accepted=tuple(TERMS[SWITCHES[channel]] for channel in draft.accepted),
        asked_before=asked_items(before),
        asked_after=asked_items(after),
        channels=tuple(channel for channel in Channel if after.is_on(channel)),
        begins_on=japan_day(starts_on) if starts_on and not has_begun else "",
    )


def _names(before: EnvironmentSettings, after: EnvironmentSettings) -> Iterator[str]:
    for channel in Channel:
        if before.is_on(channel) and not after.is_on(channel):
            yield TERMS[SWITCHES[channel]]


def asked_items(settings: EnvironmentSettings) -> tuple[str, ...]:
    """Return what a patient is asked under ``settings``, in the patient's words."""
    wordings = services().wordings
    return tuple(
        plain(wordings.current(question.wording_id, Language.JAPANESE).label)
        for question in questions_for(settings)
    )


@dataclass(frozen=True)
class HistoryLine:
    """One version of the settings, and how it differs from the one before."""

    version: int
    at: datetime
    actor: str
    changes: tuple[ChangedSetting, ...]
    accepted: tuple[Acceptance, ...]


def history_lines(facility: Facility) -> list[HistoryLine]:
    """Return every version of the settings, newest first; the first differs from none."""
    facilities = services().facilities
    history = facilities.settings_history(facility.id)
    accepted = facilities.acceptances(facility.id)
    first = [(None, history[0])]
    return [_line(before, after, accepted) for before, after in (*first, *pairwise(history))][::-1]


def _line(
    before: SettingsChange | None, after: SettingsChange, accepted: tuple[Acceptance, ...]
) -> HistoryLine:
    changes = changed_settings(before.settings, after.settings) if before else ()
    own = tuple(each for each in accepted if each.settings_version == after.version)
    return HistoryLine(after.version, after.at, after.actor, changes, own)


@dataclass(frozen=True)
class ConflictView:
    """Two people changed the settings at once: what the later one is told."""

    draft: Draft
    theirs: tuple[HistoryLine, ...]
    own: tuple[ChangedSetting, ...]
    """What the later person wanted, against the settings that hold now."""
    both: tuple[str, ...]
    """What both changed, by its term."""


def conflict_view(facility: Facility, draft: Draft) -> ConflictView:
    """Return what happened since the person opened the form."""
    seen = _settings_at(facility, draft.seen_version)
    merged = rebase(seen, draft.settings, facility.settings)
    wanted = changed_settings(facility.settings, draft.settings)
    return ConflictView(
        draft=draft,
        theirs=tuple(line for line in history_lines(facility) if line.version > draft.seen_version),
        own=tuple(change for change in wanted if change.name in merged.own),
        both=tuple(TERMS[name] for name in merged.both),
    )


def _settings_at(facility: Facility, version: int) -> EnvironmentSettings:
    history = services().facilities.settings_history(facility.id)
    return next(change.settings for change in history if change.version == version)
