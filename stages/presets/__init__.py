"""Providers as data: one TOML file each; see ``reading``."""
