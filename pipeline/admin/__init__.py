"""The admin: an API for whoever runs the gateway, its document, and the page that is built on it.

    /admin/            the page                           assets
    /admin/api/…       JSON                               gate ─▶ api ─▶ one typed function ─▶ JSON
    /admin/swagger     the API, to look at and to try

``gate`` says who asks, ``route`` what there is, ``api`` joins them; every other file here is one noun of the API: its
types, and the functions that answer for it.  Nothing here is on the way of a request to a model.
"""
