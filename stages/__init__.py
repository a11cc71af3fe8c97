"""Everything with an opinion: the stages of the line, and what they know of vendors.

A name in the line is a file here.
"""
