"""An engine that fails to import."""
