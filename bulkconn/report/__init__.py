"""Station 8 of a row's road: what a command found, as text for people and as data for programs.

Pure text: nothing here opens a file but `export.py`, and nothing here knows the network.
"""
