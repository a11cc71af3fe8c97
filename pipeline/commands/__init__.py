"""The commands beside ``serve``: one file, one noun.  ``pipeline.cli`` names them in its group."""
