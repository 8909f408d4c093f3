"""The web server behind ``smarter serve``: its access rules and its page."""
