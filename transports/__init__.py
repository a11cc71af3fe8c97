"""Bytes and HTTP.  Imports nothing of ours: whoever reads this package needs RFC 9110 to 9113 beside him, no more."""
