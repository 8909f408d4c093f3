"""The parties, sans I/O: each holds its own keys and turns messages into messages.

They open no socket and no file, and none imports another: they meet only in ``protocols``, through
``model.messages``, so that the trust boundary is a line in the import graph.
"""
