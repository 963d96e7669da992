"""Budget of memory: what requests hold is counted, and refused above what models leave free."""

from pathlib import Path

import pytest

from api.inference.admission import COPIES_OF_A_BODY, Admission
from api.inference.errors import EngineBusyError
from api.inference.jobs import Job
from api.inference.memory_budget import (
    COMPILE_RESERVE,
    MIB,
    WORK_RESERVE,
    HeldBytes,
    MemoryBudget,
    RequestTooLargeError,
)
from api.inference.memory_limits import container_memory, default_budget, derived_caps, parse_bytes


def budget(capacity: int) -> MemoryBudget:
    """Return a budget that leaves a number of bytes to requests, for models of 100 MiB."""
    found = MemoryBudget(100 * MIB + WORK_RESERVE + capacity, lambda: 100 * MIB, lambda: None)
    found.measure()
    return found


def test_what_models_and_work_leave_is_what_requests_may_hold() -> None:
    """Capacity is the budget less resident models, reserve of work, and the largest batch."""
    memory = budget(200 * MIB)
    assert memory.capacity == 200 * MIB
    memory.measure(batch=50 * MIB)
    assert memory.capacity == 150 * MIB
    memory.measure()
    assert memory.capacity == 150 * MIB


def test_a_compilation_leaves_less_to_requests_while_it_runs() -> None:
    """What would fit afterwards is refused for a while only; one that never fits, for good."""
    memory = budget(COMPILE_RESERVE + 200 * MIB)
    with memory.compiling():
        with memory.compiling():
            assert memory.capacity == 200 * MIB
        assert memory.capacity == 200 * MIB
        with pytest.raises(EngineBusyError):
            memory.take(201 * MIB, Job())
        with pytest.raises(RequestTooLargeError):
            memory.take(COMPILE_RESERVE + 201 * MIB, Job())
    memory.take(201 * MIB, Job())


def test_bytes_are_counted_until_they_are_freed() -> None:
    """One that does not fit is refused with the numbers; an ended one makes room."""
    memory = budget(100 * MIB)
    with HeldBytes(memory, Job()) as first:
        first.add(70 * MIB)
        with (
            HeldBytes(memory, Job()) as other,
            pytest.raises(EngineBusyError, match=f"{70 * MIB} bytes of {100 * MIB}"),
        ):
            other.add(31 * MIB)
        first.become(10 * MIB)
        with HeldBytes(memory, Job()) as second:
            second.add(90 * MIB)
            assert memory.held == 100 * MIB
            assert sorted(memory.holders.values()) == [10 * MIB, 90 * MIB]
    assert (memory.held, memory.holders) == (0, {})


def test_bytes_of_a_body_count_for_its_job() -> None:
    """Those who wait for memory know who will free it, from the first byte of a body on."""
    memory, job = budget(100 * MIB), Job()
    admission = Admission(8, 8, memory=memory)
    with HeldBytes(memory, job) as held:
        with admission.body(job) as body:
            body.add(3 * MIB)
            held.add(10 * MIB)
            assert memory.holders == {job: 10 * MIB + COPIES_OF_A_BODY * 3 * MIB}
        assert memory.holders == {job: 10 * MIB}
        held.become(MIB)
        assert memory.holders == {job: MIB}
    assert (memory.held, memory.holders) == (0, {})


def test_bytes_are_added_within_the_context_alone() -> None:
    """Bytes that are added before or after it would never be given back."""
    memory = budget(100 * MIB)
    held = HeldBytes(memory, Job())
    with pytest.raises(RuntimeError, match="within its context"):
        held.add(1)
    with held:
        held.add(1)
    with pytest.raises(RuntimeError, match="within its context"):
        held.add(1)
    assert memory.held == 0


def test_a_request_that_is_alone_is_not_refused_for_resident_memory() -> None:
    """Models above the budget leave room for one request at a time, in as many steps as it has."""
    memory = MemoryBudget(100 * MIB, resident=lambda: 200 * MIB, trim=lambda: None)
    with HeldBytes(memory, Job()) as first:
        first.add(2 * MIB)
        first.add(2 * MIB)
        with HeldBytes(memory, Job()) as second, pytest.raises(EngineBusyError):
            second.add(2 * MIB)
    assert memory.held == 0


def test_a_failed_request_gives_its_bytes_back() -> None:
    """An exception frees what was counted."""
    memory = budget(100 * MIB)

    def fail() -> None:
        with HeldBytes(memory, Job()) as held:
            held.add(5)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert memory.held == 0


def test_one_that_never_fits_is_refused_for_good() -> None:
    """It is another error than that of a busy server, with both numbers."""
    memory = budget(100 * MIB)
    with pytest.raises(RequestTooLargeError) as caught:
        memory.take(101 * MIB, Job())
    assert (caught.value.nbytes, caught.value.capacity) == (101 * MIB, 100 * MIB)
    assert memory.held == 0


def test_answers_that_are_not_taken_count() -> None:
    """Bytes in the buffers of connections leave less for requests."""
    memory = budget(100 * MIB)
    memory.unsent = lambda: 60 * MIB
    with pytest.raises(EngineBusyError, match=f"hold {60 * MIB} bytes"):
        memory.take(41 * MIB, Job())
    memory.take(40 * MIB, Job())


def test_resident_memory_above_the_budget_refuses_large_requests() -> None:
    """Freed memory is returned first; small requests are still admitted."""
    resident, trimmed = [100 * MIB], []
    memory = MemoryBudget(500 * MIB, lambda: resident[0], lambda: trimmed.append(1))
    memory.measure()
    memory.take(1, Job())
    resident[0] = 490 * MIB
    with pytest.raises(EngineBusyError, match="has 513802240 bytes of 524288000 in memory"):
        memory.take(20 * MIB, Job())
    assert trimmed == [1]
    memory.take(1000, Job())


def test_freed_memory_is_returned_once_when_the_server_is_idle() -> None:
    """Nothing is returned when nothing was freed since."""
    resident, trimmed = [100 * MIB], []
    memory = MemoryBudget(500 * MIB, lambda: resident[0], lambda: trimmed.append(1))
    memory.measure()
    memory.trim()
    assert trimmed == []
    resident[0] = 150 * MIB
    memory.trim()
    memory.trim()
    assert trimmed == [1]


def test_memory_of_large_requests_is_returned_a_while_after_them() -> None:
    """The first return may find it in use: nothing seems to be freed since then."""
    trimmed: list[int] = []
    memory = MemoryBudget(500 * MIB, lambda: 200 * MIB, lambda: trimmed.append(1))
    memory.measure()
    with HeldBytes(memory, Job()) as held:
        held.add(50 * MIB)
        assert not memory.is_idle()
    for _ in range(4):
        memory.trim()
    assert trimmed == [1, 1]


def test_a_server_is_idle_when_its_answers_were_taken() -> None:
    """Bytes of answers count as they are now, not as they were at the last request."""
    memory = budget(100 * MIB)
    memory.unsent = lambda: 20 * MIB
    memory.take(1, Job())
    assert not memory.is_idle()
    memory.unsent = int
    assert memory.is_idle()


def test_answers_that_were_not_taken_are_no_models() -> None:
    """A measurement while clients are slow leaves as many bytes to requests as one before."""
    resident = [200 * MIB]
    memory = MemoryBudget(1000 * MIB, lambda: resident[0], lambda: None)
    memory.measure()
    before = memory.capacity
    memory.unsent = lambda: 300 * MIB
    resident[0] = 500 * MIB
    memory.take(1, Job())

    memory.measure()

    assert memory.capacity == before == 1000 * MIB - 200 * MIB - WORK_RESERVE


def test_answers_that_share_their_bytes_leave_the_models_as_they_were() -> None:
    """Forty clients that do not take one answer have its bytes once in memory."""
    resident = [200 * MIB]
    memory = MemoryBudget(1000 * MIB, lambda: resident[0], lambda: None)
    memory.measure()
    before = memory.capacity
    memory.unsent = lambda: 40 * 5 * MIB
    resident[0] = 205 * MIB

    memory.measure()

    assert memory.capacity == before


def test_a_body_counts_twice_until_it_is_decoded() -> None:
    """Its chunks and what is made of them; one that never fits is refused as a body."""
    memory = budget(40 * MIB)
    admission = Admission(9, 9, memory=memory)
    with admission.body(Job()) as body:
        body.add(10 * MIB)
        assert memory.held == 20 * MIB
        with pytest.raises(RequestTooLargeError) as caught:
            body.add(11 * MIB)
        assert caught.value.is_body
    assert memory.held == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1073741824", 2**30), ("1GiB", 2**30), ("512 MiB", 2**29), ("1.5gb", 1_500_000_000)],
)
def test_bytes_are_written_with_or_without_a_unit(text: str, expected: int) -> None:
    """Units are binary with an i, decimal without; case does not matter."""
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "much", "-1", "1TiB", "1 GiB 2"])
def test_other_texts_are_no_number_of_bytes(text: str) -> None:
    """The error says how a number of bytes is written."""
    with pytest.raises(ValueError, match="write 1073741824, 1GiB or 512MiB"):
        parse_bytes(text)


def test_the_limit_of_a_control_group_is_read(tmp_path: Path) -> None:
    """The smallest limit of the group and its parents counts; version 1 has another file."""
    (tmp_path / "proc/self").mkdir(parents=True)
    assert container_memory(tmp_path) is None
    (tmp_path / "proc/self/cgroup").write_text("0::/a/b\n4:cpu,memory:/c\n")
    group = tmp_path / "sys/fs/cgroup/a/b"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    assert container_memory(tmp_path) is None
    (group.parent / "memory.max").write_text(f"{300 * MIB}\n")
    assert container_memory(tmp_path) == 300 * MIB
    assert default_budget(tmp_path) == int(0.85 * 300 * MIB)
    old = tmp_path / "sys/fs/cgroup/memory/c"
    old.mkdir(parents=True)
    (old / "memory.limit_in_bytes").write_text(f"{200 * MIB}\n")
    assert container_memory(tmp_path) == 200 * MIB


def test_limits_follow_from_the_budget() -> None:
    """They are whole from 512 MiB on, and smaller below."""
    assert derived_caps(2**30)[:2] == (1024, 256 * MIB)
    assert derived_caps(256 * MIB) == (512, 64 * MIB, 512, 65_536, 64 * MIB)
