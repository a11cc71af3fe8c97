"""Everything with an opinion: the stages of the line, and what they know of vendors.

A name in the line is a file here; what stands behind it is its own.

    auth
    model_map          routing (asked, shadows), parameters, discovery
    thinking_suffix    thinking
    limits             allowance, hold (estimate, standings), quotas, usage
    meter              account (tally, asides, work), ledger
    translate          contract (vendor), memory, stops, cache_key
    client_identity    identity
    cache_breakpoints
    forward            chain (health, affinity, retries), asking (showing, fields, redaction), barrier, lacking,
                       fidelity, counting, answers; of models: capabilities, known
    reencode
    safeguards         judging

Beside the line: ``translation`` as a library, ``doctor``, ``clients``, ``provider_names``.  What stages leave for one
another is in ``notes``.  In folders: ``dialects`` wire formats · ``simulated`` the built-in model · ``claude_cli`` a
program as an upstream · ``prices`` · ``tokens`` · ``presets`` · ``legacy`` settings of older gateways · ``examples``.
"""
