"""An upstream that does wrong, in more ways than one meets: what it does, what must come of it, and the proof.

    catalogue   ─▶ server ◀── a real gateway ◀── asking ─▶ verdict
    name · sentence · play     sockets            one client      typed, in its protocol, booked, nothing left open

``python -m bench.faults`` runs every fault against every pair of protocols, streamed and whole.
"""
