"""The terminal app: one listener of ``run``'s events, and a page for each question that a user has.

``app`` holds the pages together, ``picture`` folds events into what they show, ``carrier`` runs in the background.
Nothing in here computes what the core could.
"""
