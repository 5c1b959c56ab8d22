"""Rollback, rotation and dedupe on virtual time: changed and deleted, cut off anywhere, begun anew."""
