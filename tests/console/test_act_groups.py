"""The groups of the audit trail's filter: every act, each once."""

from itertools import chain

from zaitaku.audit.model import Act
from zaitaku.blueprints.console.act_groups import GROUPS, act_choices


def test_every_act_stands_in_one_group() -> None:
    grouped = list(chain.from_iterable(GROUPS.values()))
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == set(Act)


def test_the_filter_begins_with_all_of_them() -> None:
    first, *groups = act_choices()
    assert (first["label"], first["options"]) == ("", [{"value": "", "label": "すべて"}])
    assert [group["label"] for group in groups] == list(GROUPS)
