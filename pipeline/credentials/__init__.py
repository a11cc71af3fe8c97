"""Credentials: what upstreams are shown.

    wallet.py ─ all that one upstream may be shown, and which of it a request shows
       ├─ credential.py ─ one of them, opened                ├─ rotation.py ─ whose turn it is, who rests
       ├─ consent.py ─ OAuth: connect, renew, disconnect     ├─ oauth.py ─ its messages, sans-io
       └─ sealing.py ─ what the store keeps can't be read without the key

No vendor stands here, and no vendor's client id: endpoints and clients of OAuth come from the operator's configuration.
"""
