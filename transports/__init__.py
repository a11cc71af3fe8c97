"""Bytes and HTTP.  Imports nothing of ours: whoever reads this package needs RFC 9110 to 9113 beside him, no more.

    both sides    messages: the words · framing, codings: bodies · strict, heads: heads · tcp · inflow · clock
    a server      listen (crowd, limits, drain)
        1.1       http1 ─ http1_body, http1_response, wire
        2         http2 ─ http2_exchange (http2_head, http2_body, http2_response),
                  http2_link (http2_codec, http2_fields, http2_outbox, http2_abuse)
    a client      upstream: the words · pool · upstream_connect (upstream_proxy, upstream_tunnel), upstream_probe
        1.1       upstream_http1 ─ upstream_head
        2         upstream_http2, upstream_shared
    a program     program: of this machine, in place of a server

Nothing here knows a dialect, a model or a stage.
"""
