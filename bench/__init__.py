"""Latency, CPU and memory of the gateway beside the direct path: ``python -m bench``."""
