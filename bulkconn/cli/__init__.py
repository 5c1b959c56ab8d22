"""The command line: words for people, flags for scripts, and the only place where the rooms meet.

`main.py` is imported by every start, even for `--help`: it imports no heavy module, and each command's
own module imports what it needs when it runs.
"""
