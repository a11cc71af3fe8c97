"""Observing: what the gateway tells those who run it, besides its log."""
