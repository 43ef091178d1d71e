"""Engines whose simple supersteps the facade runs, as if that were a capability of their own."""

from __future__ import annotations

from langgraph_engine import registry


class _Executed:
    """The engine of that name, with the facade's executor."""

    def __init__(self, name):
        self.engine = registry.load(name)
        self.name, self.version = self.engine.name, self.engine.version
        self.protocol_version = self.engine.protocol_version
        self.capabilities = self.engine.capabilities | {"execute"}
        self.channels = {}

    def compile(self, graph):
        program = self.engine.compile(graph)
        self.channels[id(program)] = program, {channel.name for channel in graph.channels}
        return program

    def executor(self, program, calls, host):
        # Imported when the suite runs: pytest wants to import what LangGraph needs before anybody does.
        from langgraph_engine.facade_executor import FacadeExecutor

        return FacadeExecutor(self.engine, self.channels[id(program)][1], calls, host, asks=True)


def python():
    return _Executed("python")


def cffi():
    return _Executed("cffi")
