"""Observing: what the gateway tells those who run it, besides its log.

    observer ─ told of every request; opening, settings ─ who listens to it
       ├─ recent ─ the last requests, in memory
       ├─ metrics, figures, now ─ what Prometheus reads, by exposition; of several processes: gathered
       ├─ archive, captured ─ whole exchanges in files, by recording; replaying, comparing ─ and once more
       └─ traces ─ spans of OpenTelemetry

Nothing here is waited for by a request.
"""
