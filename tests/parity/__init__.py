"""Parity proof: every app of `tests/apps` behaves the same on stock LangGraph and on every engine."""
