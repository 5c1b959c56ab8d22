"""Turns what other tools know of databases into rows of an inventory.

A converter reads the text of one file and gives databases in our own words; `rows.py` writes them as the
catalogue of sources wants them. Nothing here opens a file, and no secret leaves this room unless the user
asks for it.
"""
