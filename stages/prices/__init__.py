"""Prices: what models cost, as data, and the one function that tells what a reply costs.

*.toml ─reading─▶ rows ─▶ Catalogue.find(model, upstream, at) ─▶ Price ─cost(usage, terms)─▶ micro-dollars
"""
