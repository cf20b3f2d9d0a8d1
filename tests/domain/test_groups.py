"""A group counts notifications and actors, and lets an actor be taken back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.groups import ACTOR_BYTES, Contributor, Group, merged_group, renamed, take_back


def grown(*actors: dict[str, Any]) -> tuple[Group, list[Contributor]]:
    group, contributors = Group(key="k", count=0), list[Contributor]()
    for actor in actors:
        group, contributors = merged_group(group, actor, contributors)
    return group, contributors


def bee(id: object) -> dict[str, Any]:
    return {"id": id, "name": f"B{id}"}


def test_taken_back_actor_leaves_counts_and_order_of_the_others() -> None:
    group, contributors = grown(bee("1"), bee("2"), bee("3"), bee("4"), bee("2"))
    assert (group.count, group.total, group.actors) == (5, 4, (bee("2"), bee("4"), bee("3")))
    found = take_back(group, contributors, "2")
    assert found is not None
    assert (found.group.count, found.group.total, found.group.actors) == (3, 3, (bee("4"), bee("3"), bee("1")))
    assert (found.taken.count, found.taken.actor) == (2, bee("2"))
    assert take_back(found.group, found.contributors, "2") is None


def test_actor_with_a_number_for_an_id_is_found_by_its_text() -> None:
    group, contributors = grown(bee(7), bee("8"))
    assert [take_back(group, contributors, text) is not None for text in ("7", "8", "9")] == [True, True, False]


@given(st.lists(st.integers(0, 8), min_size=1, max_size=40), st.integers(0, 8))
def test_group_without_an_actor_is_the_group_of_the_others(order: list[int], gone: int) -> None:
    group, contributors = grown(*[bee(str(id)) for id in order])
    found = take_back(group, contributors, str(gone))
    expected, _ = grown(*[bee(str(id)) for id in order if id != gone])
    assert (group if found is None else found.group) == expected


def test_large_actor_is_kept_by_id_and_name() -> None:
    group, _ = grown({"id": "1", "name": "Bea", "image": "x" * ACTOR_BYTES})
    assert group.actors == ({"id": "1", "name": "Bea"},)


@pytest.mark.parametrize(
    ("title", "shown"),
    [("Bea and 2 others like it", "Carl and 2 others like it"), ("Likes of Bea", "Likes of Bea"), (None, None)],
)
def test_title_that_begins_with_the_taken_actor_names_the_newest(title: str | None, shown: str | None) -> None:
    assert renamed(title, taken={"name": "Bea"}, newest={"name": "Carl"}) == shown
