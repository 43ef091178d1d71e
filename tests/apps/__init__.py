"""Small LangGraph programs, each showing one thing. `parity.steps` says what an app is made of."""
