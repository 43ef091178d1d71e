"""Counting is exact whatever the threads, and a snapshot is the caller's own."""

from __future__ import annotations

import threading

from langgraph_engine.stats import count_handed_back, count_native, reset, snapshot


def test_snapshot_tells_engines_methods_and_reasons_apart():
    count_native("rust", "invoke")
    count_native("rust", "invoke")
    count_native("python", "astream")
    count_handed_back("invoke", "too odd")
    count_handed_back("stream", "too odd")
    count_handed_back("stream", "too new")
    assert snapshot() == {
        "native": {"rust": {"invoke": 2}, "python": {"astream": 1}},
        "handed_back": {"too odd": 2, "too new": 1},
        "handed_back_by_method": {
            "invoke": {"too odd": 1},
            "stream": {"too odd": 1, "too new": 1},
        },
    }


def test_snapshot_is_a_copy():
    count_native("rust", "invoke")
    snapshot()["native"]["rust"]["invoke"] = 99
    assert snapshot()["native"] == {"rust": {"invoke": 1}}


def test_reset_forgets_everything():
    count_native("rust", "invoke")
    reset()
    assert snapshot() == {"native": {}, "handed_back": {}, "handed_back_by_method": {}}


def test_no_count_is_lost_between_threads():
    def count():
        for _ in range(5_000):
            count_native("rust", "invoke")

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    snapshot()
    for thread in threads:
        thread.join()
    assert snapshot()["native"] == {"rust": {"invoke": 30_000}}
