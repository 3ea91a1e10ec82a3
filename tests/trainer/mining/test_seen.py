"""Memories of a fixed size."""

from trainer.mining.seen import Changes, Tasks, hash_of


def test_a_task_is_new_once() -> None:
    tasks = Tasks()
    numbers = [hash_of(str(n)) for n in range(20_000)]
    new = sum(map(tasks.add, numbers))
    assert new > 19_990
    assert not any(map(tasks.add, numbers))


def test_changes_are_counted() -> None:
    changes = Changes()
    assert [changes.add(7) for _ in range(3)] == [1, 2, 3]
    assert (changes.count(7), changes.count(8)) == (3, 0)
    for _ in range(300):
        changes.add(7)
    assert changes.count(7) == 255


def test_where_a_text_ends_counts() -> None:
    assert hash_of("ab", "c") != hash_of("a", "bc")
    assert hash_of(["ab", "c"]) != hash_of(["abc"])
    assert 0 <= hash_of("x") < 1 << 63
