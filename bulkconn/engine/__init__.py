"""The exactly-once engine: plan, dispatch, attempt, settle, at one pace, and stop without loss.

It knows the Protocols of `core`, never the rooms that implement them.
"""
