"""Measuring: operations of every scheme and cipher, a scenario's stages, the brief's way, and the floor.

``cli`` prints what comes out, the app draws it. Each figure is the median of repeated runs with its spread.
"""
