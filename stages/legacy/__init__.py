"""Settings of older gateways: what was written for one of them serves here as it stands.

    variables, .env, a TOML file, flags  ──adoption──▶  whose they are  ──its file here──▶  a pipeline.toml, in a Draft

One file per system: what identifies it, and what each of its settings is called here.  Only what is a system's alone
identifies it (or the flag ``--legacy NAME``): variables that many programs read never do.
"""
