"""Which classes always come with others, found from the tags."""

import numpy as np

from napari_mcwss.tags.relations import parents, precedence


def table(*rows: tuple[int, ...], times: int = 10) -> np.ndarray:
    return np.repeat(np.array(rows, np.int8), times, axis=0)


def test_a_class_that_only_comes_with_another_wins_over_it():
    tags = table((1, 1), (0, 1), (0, 0))
    assert precedence(tags).tolist() == [[False, True], [False, False]]


def test_a_few_exceptions_at_the_ends_of_a_lesion_do_not_count():
    tags = table((1, 1), (0, 1), (0, 0), times=30)
    assert precedence(np.vstack([tags, [(1, 0)]]))[0, 1]
    assert not precedence(np.vstack([tags, [(1, 0)] * 5])).any()


def test_a_core_on_nearly_all_slices_of_its_oedema_still_wins():
    tags = np.vstack([table((1, 1), times=38), table((0, 1), times=2), table((0, 0), times=40)])
    assert precedence(tags).tolist() == [[False, True], [False, False]]


def test_classes_that_always_come_together_have_no_precedence():
    assert not precedence(table((1, 1), (0, 0))).any()


def test_the_parent_is_the_most_particular_class_of_a_chain():
    enhancing_core_lesion = table((1, 1, 1), (0, 1, 1), (0, 0, 1), (0, 0, 0))
    assert parents(enhancing_core_lesion).tolist() == [1, 2, -1]


def test_classes_on_their_own_have_no_parent():
    assert parents(table((1, 0), (0, 1), (1, 1), (0, 0))).tolist() == [-1, -1]


def test_unknown_tags_never_make_a_circle_of_parents():
    tags = np.vstack(
        [
            table((1, 1, -1), (0, 1, -1), (-1, 1, 1), (-1, 0, 1), (1, -1, 1), (1, -1, 0)),
            table((0, 0, 0)),
        ]
    )
    found = parents(tags)
    for start in range(3):
        seen, current = set(), start
        while current >= 0:
            assert current not in seen
            seen.add(current)
            current = int(found[current])
