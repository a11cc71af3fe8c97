"""Five stages to use as they are, and to learn from: each is a page, and comes in by the door that is yours too.

[[stages]]
use = "stages.examples.redact:stage"
after = "auth"
"""
