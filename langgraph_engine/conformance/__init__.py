"""The conformance suite: what proves that an engine meets the protocol.

Reading order: ``scenario`` and ``replay`` (a story told to an engine), ``behaviors`` (the contract's
bullets), ``stock`` (LangGraph itself as an engine), ``drawing`` (graphs and calls from Hypothesis), then
``plugin`` (the pytest side) and the tests in ``suite``.

    python -m langgraph_engine.conformance --engine NAME

This package needs the extra ``langgraph-engine[conformance]``; nothing outside it imports it.
"""
