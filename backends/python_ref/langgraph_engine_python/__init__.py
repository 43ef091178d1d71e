"""The pure-Python engine of langgraph_engine: Pregel in about five hundred lines, written to be read.

Start with ``channels`` (what a channel does with its writes), then ``run`` (a superstep).
"""
