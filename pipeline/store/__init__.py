"""The store: keys, limits, what was used and what it cost, in one embedded file or on a server.

    store.py ─ what the rest of the program sees
       ├─ spool.py ─ files that survive a kill -9        ├─ writer.py ─ one task, one thread, group commit
       │    └─ syncing.py ─ when they are on the disk    │    └─ advances.py ─ what is granted without it
       ├─ keys.py ─ who may ask                          ├─ transact.py, book.py, windows.py ─ what a batch changes
       └─ recovery.py ─ what a crash left open           └─ sqlite.py, postgres.py ─ two databases, one interface

    words and statements     record, database, sql           the tables     schema, tables, migration
    what an operator sets    models, prices, credentials, facts             to begin       settings, opening
    what was used            usage, requests, export         beside it      visiting, balance

A request's record goes to the spool at once, and from there to the database in batches; nothing that streams waits for
the database.  Only a reservation does, before its request is sent.
"""
