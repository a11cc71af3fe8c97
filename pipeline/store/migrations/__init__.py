"""How the tables came to be as they are: one file for each step, which never changes once it was released."""
