"""The plans of a graph's nodes, each worked out when its node first runs.

LangGraph makes a node's things then as well: a run through ten nodes of a thousand needs no more for the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from langgraph_engine import upstream
from langgraph_engine.node_plan import NodePlan

if TYPE_CHECKING:
    from langgraph_engine.execute import NodeCall

__all__ = ["NodeCalls", "NodePlans"]


class NodePlans(dict[str, NodePlan]):
    """Plans by name, to be asked for as ``plans[name]``. Holds those that were; any thread may ask.

    Args:
        nodes: LangGraph's descriptions of the graph's nodes.
        managed: The graph's managed values.

    Attributes:
        nodes: The same nodes.
    """

    __slots__ = ("_alone", "_managed", "_one", "nodes")

    def __init__(
        self, nodes: Mapping[str, upstream.PregelNode], managed: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.nodes, self._managed = nodes, managed
        self._one: dict[Any, Any] = {}
        # A node that reads one channel as such may hand its input on to one that wants a dict of it.
        self._alone = frozenset(
            upstream.input_key_of(node) for node in nodes.values() if isinstance(node.channels, str)
        )

    def __missing__(self, name: str) -> NodePlan:
        plan = NodePlan.of(name, self.nodes[name], self._managed, self._one)
        plan.as_read = plan.as_read and plan.input_key not in self._alone
        return self.setdefault(name, plan)  # another thread may have been faster


class NodeCalls(Mapping[str, "NodeCall"]):
    """How an engine calls the nodes it may call itself, by name; each is made when it is asked for."""

    __slots__ = ("_plans",)

    def __init__(self, plans: NodePlans) -> None:
        self._plans = plans

    def __getitem__(self, name: str) -> NodeCall:
        call = self._plans[name].native_call()
        if call is None:
            raise KeyError(name)
        return call

    def __iter__(self) -> Iterator[str]:
        plans = self._plans
        return (name for name in plans.nodes if plans[name].native_call() is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)
