"""What both adapters of the short-lived store promise, on real stores."""

import time
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.core.stores import (
    HOUR,
    THREADS,
    StoreCase,
    all_at_once,
    count_often,
    create_each,
    merge_often,
    take_each,
)
from zaitaku.core.ephemeral import Fields
from zaitaku.core.ids import new_secret_name

ODD_TEXTS = [
    "plain",
    "",
    "漢字と😀",
    'quo"te\\ %0000 %',
    "nul\0tab\tline\n",
    "half \ud83d",
    "[]{}:null",
]


class TestEntries:
    def test_what_was_created_is_read(self, case: StoreCase) -> None:
        assert case.store.create("k", {"a": "1", "b": "2"}, HOUR)
        assert case.store.read("k") == {"a": "1", "b": "2"}

    def test_absent_key(self, case: StoreCase) -> None:
        assert case.store.read("k") is None
        assert case.store.take("k") is None
        assert case.store.merge("k", {"a": "1"}, HOUR) is None
        assert case.store.read("k") is None

    def test_a_living_entry_is_not_created_again(self, case: StoreCase) -> None:
        case.store.create("k", {"a": "first"}, HOUR)
        assert not case.store.create("k", {"a": "second"}, HOUR)
        assert case.store.read("k") == {"a": "first"}

    def test_merge_sets_what_it_names_and_keeps_the_rest(self, case: StoreCase) -> None:
        case.store.create("k", {"a": "1", "b": "2"}, HOUR)
        merged = case.store.merge("k", {"b": "3", "c": "4"}, HOUR)
        assert merged == case.store.read("k") == {"a": "1", "b": "3", "c": "4"}

    def test_take_removes(self, case: StoreCase) -> None:
        case.store.create("k", {"a": "1"}, HOUR)
        assert case.store.take("k") == {"a": "1"}
        assert case.store.take("k") is None
        assert case.store.read("k") is None
        assert case.store.merge("k", {"a": "1"}, HOUR) is None

    def test_discard_removes_fields_and_not_the_entry(self, case: StoreCase) -> None:
        case.store.create("k", {"a": "1", "%b": "2", "c": ""}, HOUR)
        case.store.discard("k", ["%b", "unknown"])
        assert case.store.read("k") == {"a": "1", "c": ""}
        case.store.discard("k", ["a", "c"])
        assert case.store.read("k") == {}
        case.store.discard("k", [])
        case.store.discard("other", ["a"])
        assert case.store.read("other") is None

    def test_discard_does_not_renew(self, case: StoreCase) -> None:
        case.store.create("k", {"a": "1", "b": "2"}, HOUR)
        case.pass_time(timedelta(minutes=40))
        case.store.discard("k", ["a"])
        case.pass_time(timedelta(minutes=21))
        assert case.store.read("k") is None

    def test_delete_removes_and_does_not_mind_absence(self, case: StoreCase) -> None:
        case.store.create("k", {"a": "1"}, HOUR)
        case.store.delete("k")
        case.store.delete("k")
        assert case.store.read("k") is None

    def test_an_entry_without_fields_lives(self, case: StoreCase) -> None:
        assert case.store.create("k", {}, HOUR)
        assert not case.store.create("k", {}, HOUR)
        assert case.store.read("k") == {}
        assert case.store.merge("k", {}, HOUR) == {}
        assert case.store.merge("k", {"a": "1"}, HOUR) == {"a": "1"}
        assert case.store.take("k") == {"a": "1"}

    @pytest.mark.parametrize("text", ODD_TEXTS)
    def test_any_text_is_key_name_and_value(self, case: StoreCase, text: str) -> None:
        fields = {text or "name": text}
        assert case.store.create(text, fields, HOUR)
        assert case.store.read(text) == fields
        assert case.store.merge(text, {"other": text}, HOUR) == {**fields, "other": text}
        assert case.store.merge(text, fields, HOUR) == {**fields, "other": text}
        assert case.store.take(text) == {**fields, "other": text}

    def test_long_keys_differ_at_their_end(self, case: StoreCase) -> None:
        assert case.store.create("k" * 5000 + "1", {"a": "1"}, HOUR)
        assert case.store.create("k" * 5000 + "2", {"a": "2"}, HOUR)
        assert case.store.read("k" * 5000 + "1") == {"a": "1"}


class TestCounters:
    def test_counts_from_one(self, case: StoreCase) -> None:
        assert [case.store.count("c", HOUR) for _ in range(12)] == list(range(1, 13))

    def test_counts_by_steps(self, case: StoreCase) -> None:
        steps = (5, 1, 30)
        assert [case.store.count("c", HOUR, step) for step in steps] == [5, 6, 36]

    def test_counts_several_at_once(self, case: StoreCase) -> None:
        assert case.store.count_all({"a": HOUR, "b": 2 * HOUR}) == [1, 1]
        assert case.store.count_all({"b": 2 * HOUR, "c": HOUR}) == [2, 1]
        case.pass_time(HOUR)
        assert case.store.count_all({"a": HOUR, "b": HOUR}) == [1, 3]

    def test_a_counter_can_be_read_taken_and_deleted(self, case: StoreCase) -> None:
        case.store.count("c", HOUR)
        case.store.count("c", HOUR)
        assert case.store.read("c") == {"count": "2"}
        case.store.delete("c")
        assert case.store.count("c", HOUR) == 1
        assert case.store.take("c") == {"count": "1"}

    def test_time_to_live_runs_from_the_first_count(self, case: StoreCase) -> None:
        case.store.count("c", 2 * HOUR)
        case.pass_time(HOUR)
        assert case.store.count("c", 2 * HOUR) == 2
        case.pass_time(HOUR)
        assert case.store.count("c", 2 * HOUR) == 1

    def test_an_entry_can_count_without_losing_fields_or_living_longer(
        self, case: StoreCase
    ) -> None:
        case.store.create("k", {"a": "1"}, 2 * HOUR)
        assert case.store.count("k", 9 * HOUR) == 1
        assert case.store.read("k") == {"a": "1", "count": "1"}
        case.pass_time(2 * HOUR)
        assert case.store.read("k") is None


class TestDeath:
    def test_a_dead_entry_is_as_absent(self, case: StoreCase) -> None:
        for key in ("read", "take", "merge", "create", "delete"):
            case.store.create(key, {"a": "old"}, HOUR)
        case.pass_time(HOUR)
        assert case.store.read("read") is None
        assert case.store.take("take") is None
        assert case.store.merge("merge", {"b": "new"}, HOUR) is None
        assert case.store.read("merge") is None
        case.store.delete("delete")
        assert case.store.create("create", {"b": "new"}, HOUR)
        assert case.store.read("create") == {"b": "new"}

    def test_an_entry_lives_until_its_time(self, case: StoreCase) -> None:
        case.store.create("k", {"a": "1"}, HOUR)
        case.pass_time(timedelta(minutes=59))
        assert case.store.read("k") == {"a": "1"}

    def test_merge_renews_the_time_to_live(self, case: StoreCase) -> None:
        case.store.create("k", {"a": "1"}, HOUR)
        case.store.merge("k", {}, 3 * HOUR)
        case.pass_time(2 * HOUR)
        assert case.store.read("k") == {"a": "1"}
        case.store.merge("k", {}, timedelta(minutes=1))
        case.pass_time(timedelta(minutes=2))
        assert case.store.read("k") is None

    def test_reading_and_refused_creating_do_not_renew(self, case: StoreCase) -> None:
        case.store.create("k", {"a": "1"}, HOUR)
        case.store.read("k")
        case.store.create("k", {"a": "2"}, 9 * HOUR)
        case.pass_time(HOUR)
        assert case.store.read("k") is None

    def test_born_dead(self, case: StoreCase) -> None:
        case.store.create("k", {"a": "1"}, timedelta(0))
        assert case.store.read("k") is None
        case.store.create("m", {"a": "1"}, HOUR)
        assert case.store.merge("m", {"b": "2"}, timedelta(0)) == {"a": "1", "b": "2"}
        assert case.store.read("m") is None


def take(case: StoreCase, key: str, _thread: int) -> Fields | None:
    return case.store.take(key)


def create(case: StoreCase, key: str, thread: int) -> bool:
    return case.store.create(key, {"by": str(thread)}, HOUR)


class TestManyAtOnce:
    def test_of_many_threads_one_takes(self, case: StoreCase) -> None:
        for number in range(20):
            key = f"k{number}"
            case.store.create(key, {"n": str(number)}, HOUR)
            answers = all_at_once(partial(take, case, key))
            assert [answer for answer in answers if answer is not None] == [{"n": str(number)}]

    def test_of_many_threads_one_creates(self, case: StoreCase) -> None:
        for number in range(20):
            key = f"k{number}"
            answers = all_at_once(partial(create, case, key))
            assert answers.count(True) == 1
            assert case.store.read(key) == {"by": str(answers.index(True))}

    def test_of_many_threads_one_recreates_a_dead_entry(self, case: StoreCase) -> None:
        for number in range(5):
            key = f"k{number}"
            case.store.create(key, {"by": "the dead"}, HOUR)
            case.pass_time(HOUR)
            answers = all_at_once(partial(create, case, key))
            assert answers.count(True) == 1

    def test_no_count_is_lost(self, case: StoreCase) -> None:
        def count_ten(_: int) -> list[int]:
            return [case.store.count("c", HOUR) for _ in range(10)]

        numbers = sorted(number for answer in all_at_once(count_ten) for number in answer)
        assert numbers == list(range(1, 10 * THREADS + 1))

    def test_merges_of_different_fields_lose_nothing(self, case: StoreCase) -> None:
        case.store.create("k", {}, HOUR)

        def merge_ten(thread: int) -> None:
            for number in range(10):
                case.store.merge("k", {f"{thread}.{number}": "1"}, HOUR)

        all_at_once(merge_ten)
        expected = {f"{thread}.{number}": "1" for thread in range(THREADS) for number in range(10)}
        assert case.store.read("k") == expected

    def test_merge_never_revives_what_was_taken(self, case: StoreCase) -> None:
        for number in range(20):
            key = f"k{number}"
            case.store.create(key, {"a": "1"}, HOUR)

            def act(thread: int, key: str = key) -> Fields | None:
                if thread == 0:
                    return case.store.take(key)
                return case.store.merge(key, {str(thread): "1"}, HOUR)

            answers = all_at_once(act)
            taken = answers[0] or {}
            merged_before = {str(i) for i in range(1, THREADS) if answers[i] is not None}
            assert set(taken) == {"a"} | merged_before
            assert case.store.read(key) is None

    def test_a_taken_key_can_be_created_again(self, case: StoreCase) -> None:
        case.store.create("k", {"n": "0"}, HOUR)
        had: list[str] = []

        def take_and_give_back(_: int) -> None:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                fields = case.store.take("k")
                if fields is not None:
                    had.append(fields["n"])
                    case.store.create("k", {"n": str(int(fields["n"]) + 1)}, HOUR)
                    return

        all_at_once(take_and_give_back)
        assert had == [str(number) for number in range(THREADS)]


class TestManyProcesses:
    def test_each_entry_is_taken_once(
        self, case: StoreCase, processes: ProcessPoolExecutor
    ) -> None:
        keys = [f"k{number}" for number in range(100)]
        for key in keys:
            case.store.create(key, {"a": "1"}, HOUR)
        taken = processes.map(partial(take_each, case.url), [keys] * 4)
        assert sorted(key for part in taken for key in part) == sorted(keys)

    def test_each_entry_is_created_once(
        self, case: StoreCase, processes: ProcessPoolExecutor
    ) -> None:
        keys = [f"k{number}" for number in range(100)]
        created = processes.map(partial(create_each, case.url), [keys] * 4)
        assert sorted(key for part in created for key in part) == sorted(keys)

    def test_no_count_is_lost(self, case: StoreCase, processes: ProcessPoolExecutor) -> None:
        numbers = processes.map(partial(count_often, case.url, "c"), [100] * 4)
        assert sorted(number for part in numbers for number in part) == list(range(1, 401))

    def test_no_merge_is_lost(self, case: StoreCase, processes: ProcessPoolExecutor) -> None:
        case.store.create("k", {}, HOUR)
        names = [[f"{process}.{number}" for number in range(50)] for process in range(4)]
        most = max(processes.map(partial(merge_often, case.url, "k"), names))
        assert most == 200
        assert case.store.read("k") == {name: "1" for part in names for name in part}


class Contract(RuleBasedStateMachine):
    """Any sequence of calls answers as a plain dictionary with dates of death would."""

    texts = st.text(st.characters(), max_size=8)
    entries = st.dictionaries(st.text(st.characters(), min_size=1, max_size=4), texts, max_size=4)
    keys = st.sampled_from(["a", "b", "ク\0", "\ud800"])
    hours = st.integers(min_value=1, max_value=4)

    case: StoreCase

    def __init__(self) -> None:
        super().__init__()
        self.prefix = new_secret_name()
        self.hour = 0
        self.model: dict[str, tuple[dict[str, str], int]] = {}

    def living(self, key: str) -> dict[str, str] | None:
        fields, dies = self.model.get(key, ({}, 0))
        return fields if dies > self.hour else None

    @rule(key=keys, fields=entries, ttl=hours)
    def create(self, key: str, fields: dict[str, str], ttl: int) -> None:
        is_new = self.living(key) is None
        assert self.case.store.create(self.prefix + key, fields, ttl * HOUR) is is_new
        if is_new:
            self.model[key] = (dict(fields), self.hour + ttl)

    @rule(key=keys, fields=entries, ttl=hours)
    def merge(self, key: str, fields: dict[str, str], ttl: int) -> None:
        living = self.living(key)
        expected = None if living is None else {**living, **fields}
        assert self.case.store.merge(self.prefix + key, fields, ttl * HOUR) == expected
        if expected is not None:
            self.model[key] = (expected, self.hour + ttl)

    @rule(key=keys)
    def take(self, key: str) -> None:
        assert self.case.store.take(self.prefix + key) == self.living(key)
        self.model.pop(key, None)

    @rule(key=keys, names=st.sets(st.text(st.characters(), min_size=1, max_size=4), max_size=3))
    def discard(self, key: str, names: set[str]) -> None:
        some = set(list(self.living(key) or {})[:1])
        self.case.store.discard(self.prefix + key, names | some)
        for name in names | some:
            (self.living(key) or {}).pop(name, None)

    @rule(key=keys)
    def delete(self, key: str) -> None:
        self.case.store.delete(self.prefix + key)
        self.model.pop(key, None)

    @rule(key=keys, ttl=hours)
    def count(self, key: str, ttl: int) -> None:
        living = self.living(key)
        dies = self.hour + ttl if living is None else self.model[key][1]
        number = int((living or {}).get("count", "0")) + 1
        assert self.case.store.count(self.prefix + key, ttl * HOUR) == number
        self.model[key] = ({**(living or {}), "count": str(number)}, dies)

    @rule(step=hours)
    def pass_time(self, step: int) -> None:
        self.case.pass_time(step * HOUR)
        self.hour += step

    @invariant()
    def all_reads_agree(self) -> None:
        for key in ("a", "b", "ク\0", "\ud800"):
            assert self.case.store.read(self.prefix + key) == self.living(key)


def test_any_sequence_of_calls(case: StoreCase) -> None:
    run_state_machine_as_test(
        type("ContractOfCase", (Contract,), {"case": case}),
        settings=settings(max_examples=30, stateful_step_count=25, deadline=None),
    )
