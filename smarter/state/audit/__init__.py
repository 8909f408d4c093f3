"""The audit log on disk: its byte form (``lines``, ``files``), writing (``log``), reading and checking (``check``).

Its files belong to a :class:`~smarter.state.StateFolder`; the keys come from ``smarter.keys.audit`` by ``protocols``.
"""
