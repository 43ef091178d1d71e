"""One program, many threads."""

from __future__ import annotations

import threading
from typing import Any

from langgraph_engine.protocol import TaskWrites

THREADS, STEPS = 8, 200


def test_threads_share_a_program_and_nothing_else(graph: Any) -> None:
    results: dict[int, Any] = {}
    start = threading.Barrier(THREADS)

    def work(number: int) -> None:
        start.wait(10)
        run = graph.program.restore(None)
        run.commit([TaskWrites((), "__input__", [("go", number)], ())], None)
        updated: Any = None
        for step in range(STEPS):
            plan = run.plan(step, "00", str(number), updated)
            (task,) = plan.tasks
            assert task.namespace.startswith(f"{number}|n:")
            writes = [("go", number), ("sum", (number, step))]
            updated = run.commit(
                [TaskWrites(task.path, task.name, writes, task.triggers)], None
            ).updated
        results[number] = run.read("sum")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {
        number: [(number, step) for step in range(STEPS)] for number in range(THREADS)
    }
