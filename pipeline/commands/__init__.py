"""The commands beside ``serve``: one file, one noun.  ``pipeline.cli`` adds them to its group."""
