"""The ticket in a patient's browser: who gets one, and what it is good for."""

from tests.overload.test_waiting import crowded, let_in, patience
from tests.patient.site import Site, Visitor
from zaitaku.blueprints.overload import OVERLOAD, Overload, add

__all__ = ["crowded", "patience"]

TICKET = "zaitaku-place"


def ticket(visitor: Visitor) -> str | None:
    found = visitor.client.get_cookie(TICKET)
    return found.value.split(".")[0] if found else None


def close(overload: Overload) -> None:
    overload.permits._permits = 0.0


def test_in_calm_times_nobody_is_given_one(
    overload: Overload, site: Site, visitor: Visitor
) -> None:
    assert not overload.permits.are_scarce
    assert visitor.get(site.path()) == 200
    assert ticket(visitor) is None


def test_who_was_let_in_is_not_sent_back_to_the_end_of_the_line(
    crowded: Overload, site: Site, visitor: Visitor
) -> None:
    assert visitor.get(site.path()) == 503
    assert ticket(visitor) == "1"
    let_in(crowded)
    assert visitor.get(site.path()) == 200
    assert ticket(visitor) == "in"
    close(crowded)
    assert visitor.get(f"{site.path()}?lang=en") == 200
    assert site.visitor().get(site.path()) == 503


def test_who_came_in_while_permits_were_scarce_may_reload(
    crowded: Overload, site: Site, visitor: Visitor
) -> None:
    crowded.permits._permits = 1.0
    assert visitor.get(site.path()) == 200
    assert ticket(visitor) == "in"
    close(crowded)
    assert visitor.get(site.path()) == 200


def test_tickets_outlive_all_processes_and_the_store(crowded: Overload, site: Site) -> None:
    """Everything began anew while people waited; who waits is let in before who comes."""
    waiting = [site.visitor() for _ in range(8)]
    assert [each.get(site.path()) for each in waiting] == [503] * 8
    for name in ("drawn", "called"):
        site.services.ephemeral.delete(f"line:{name}")
    site.app.wsgi_app = crowded._inner  # type: ignore[method-assign,assignment]
    add(site.app)
    anew: Overload = site.app.extensions[OVERLOAD]
    close(anew)
    new = [site.visitor() for _ in range(3)]
    assert [each.get(site.path()) for each in new] == [503] * 3
    assert [ticket(each) for each in new] == ["1", "2", "3"]
    anew.permits._permits = 2.0
    assert [each.get(site.path()) for each in waiting[5:7]] == [200] * 2
    assert [each.get(site.path()) for each in new] == [503] * 3
