"""Driving a loop from a thread: ``invoke`` and ``stream``, once it is known that an engine runs them.

    announce the root run -> open the loop -> tick, run, commit until it ends -> close -> tell the handlers

``final_state`` keeps only what an ``invoke`` returns; ``chunks_of`` gives every chunk as it comes.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import Any

from langgraph_engine import upstream
from langgraph_engine.direct_run import run_live, run_quietly
from langgraph_engine.invocation import Invocation
from langgraph_engine.listeners import announce
from langgraph_engine.loop_sync import SyncLoop
from langgraph_engine.protocol import Engine
from langgraph_engine.running_ahead import chunks_ahead, run_ahead
from langgraph_engine.streams import Chunks, Latest, QueueChunks
from langgraph_engine.unwatched_run import UnwatchedRun

__all__ = ["chunks_of", "final_state"]


class _RootRun:
    """The root run as callback handlers see it: started, and failed if anything inside fails."""

    __slots__ = ("_call", "manager")

    def __init__(self, call: Invocation) -> None:
        self._call = call
        self.manager: Any = None

    def __enter__(self) -> None:
        call = self._call
        if call.manager is None:
            call.apply_defaults()
            call.announced(
                call.unheard_run()
                or announce(call.make_callbacks(), call.input, **call.announcement())
            )
        self.manager = call.manager

    def __exit__(
        self,
        _: type[BaseException] | None,
        error: BaseException | None,
        __: TracebackType | None,
    ) -> None:
        if error is not None and self.manager.handlers:
            self.manager.on_chain_error(error)

    def ended(self, loop: SyncLoop) -> None:
        self._call.check_end(loop)
        if self.manager.handlers:
            self.manager.on_chain_end(loop.output)


def _made_loop(call: Invocation, latest: Latest) -> SyncLoop:
    loop: SyncLoop = call.make_loop(SyncLoop, latest.put, latest.put, latest)
    return loop


def _loop_taking_over(call: Invocation, latest: Latest) -> SyncLoop:
    """The loop of a run that did without one."""
    call.apply_defaults()
    loop = _made_loop(call, latest)
    _prepare_runner(call, loop, None)
    return loop


def _ran_to_the_end(run: UnwatchedRun, latest: Latest) -> bool:
    """Run without a loop. False if there has to be one."""
    try:
        run.stopped = run.go()
        return run.ended(latest)
    except BaseException as error:  # noqa: BLE001 - it is raised again inside the loop
        run.failed.append(error)
        return False


def _open(call: Invocation, loop: SyncLoop) -> None:
    call.opened(loop)
    if loop.lifecycle_events:
        _emit_lifecycle(call, loop)
    _prepare_runner(call, loop, None)
    loop.begin_execution()


def _run_to_the_end(call: Invocation, loop: SyncLoop, begun: UnwatchedRun | None) -> None:
    """Run supersteps till there is none left; ``begun`` is the run the loop took over."""
    waits = call.durability == "sync"
    while True:
        if loop.execution is not None:
            run_ahead(loop, None if begun is None else begun.taken_over())
            begun = None
        if not loop.tick():
            break
        if loop.live:
            run_quietly(loop)
        else:
            for _ in _run_tasks(call, loop, None):
                pass
        loop.after_tick()
        if loop.lifecycle_events:
            _emit_lifecycle(call, loop)
        if waits and loop.put_checkpoint_future is not None:
            loop.put_checkpoint_future.result()


def final_state(
    graph: upstream.AnyPregel, engine: Engine, input: Any, config: Any, kwargs: dict[str, Any]
) -> Latest:
    """Run to the end when nobody takes chunks on the way; what the last chunks would have held."""
    call = Invocation(graph, engine, input, config, is_async=False, **kwargs)
    latest = Latest()
    run = UnwatchedRun.of(call, kwargs, partial(_loop_taking_over, call, latest))
    if run is not None:
        if _ran_to_the_end(run, latest):
            return latest
        run.loop()  # from here on the call is announced
    root = _RootRun(call)
    with root:
        with _made_loop(call, latest) if run is None else run.loop() as loop:
            if run is None:
                _open(call, loop)
            else:
                run.raise_failure()
            _run_to_the_end(call, loop, run)
        if loop.lifecycle_events:
            _emit_lifecycle(call, loop)
        latest.settle(loop.output)
        root.ended(loop)
    return latest


def chunks_of(
    graph: upstream.AnyPregel, engine: Engine, input: Any, config: Any, kwargs: dict[str, Any]
) -> Iterator[Any]:
    """Run to the end, giving chunks as they come."""
    call = Invocation(graph, engine, input, config, is_async=False, **kwargs)
    root = _RootRun(call)
    with root:
        chunks = QueueChunks(call) if call.waits_for_stream else Chunks(call)
        with call.make_loop(SyncLoop, chunks.put, chunks.put, None) as loop:
            call.opened(loop)
            if loop.lifecycle_events:
                _emit_lifecycle(call, loop)
            waiter = _prepare_runner(call, loop, chunks)
            waits = call.durability == "sync"
            loop.begin_execution(call.streamed())
            while True:
                if loop.execution is not None:
                    yield from chunks_ahead(loop, chunks)
                if not loop.tick():
                    break
                for _ in run_live(loop) if loop.live else _run_tasks(call, loop, waiter):
                    yield from chunks.taken()
                loop.after_tick()
                if loop.lifecycle_events:
                    _emit_lifecycle(call, loop)
                if waits and loop.put_checkpoint_future is not None:
                    loop.put_checkpoint_future.result()
        if loop.lifecycle_events:
            _emit_lifecycle(call, loop)
        yield from chunks.taken()
        root.ended(loop)


def _run_tasks(call: Invocation, loop: SyncLoop, waiter: Any) -> Iterator[None]:
    loop.put_cached_writes()
    return loop.runner.tick(
        [task for task in loop.tasks.values() if not task.writes],
        timeout=call.graph.step_timeout,
        get_waiter=waiter,
        schedule_task=loop.accept_push,
    )


def _emit_lifecycle(call: Invocation, loop: Any) -> None:
    for tell, event in call.lifecycle_events(loop):
        tell(event)


def _prepare_runner(call: Invocation, loop: SyncLoop, chunks: Chunks | None) -> Any:
    """Make the runner for tasks that aren't called directly, and what wakes it for output."""

    def make_runner() -> upstream.PregelRunner:
        conf = call.config[upstream.CONF]
        return upstream.PregelRunner(
            submit=conf.get(upstream.CONFIG_KEY_RUNNER_SUBMIT, weakref.WeakMethod(loop.submit)),
            put_writes=weakref.WeakMethod(loop.put_writes),
            node_finished=conf.get(upstream.CONFIG_KEY_NODE_FINISHED),
            node_error_handler_map=call.graph.node_error_handler_map,
            schedule_error_handler=loop.schedule_error_handler,
        )

    loop.make_runner = make_runner
    if call.subgraphs:
        loop.config[upstream.CONF][upstream.CONFIG_KEY_STREAM] = loop.stream
    if not isinstance(chunks, QueueChunks):
        return None
    waiting: Any = None
    queue: Any = chunks.queue
    # One waiter at a time: closing releases the queue's semaphore once, which ends it.
    loop.closing.append(queue._count.release)

    def waiter() -> Any:
        nonlocal waiting
        if waiting is None or waiting.done():
            waiting = loop.submit(queue.wait)
        return waiting

    return waiter
