"""The web server behind ``smarter serve``: who may use it, and the page that shows the app."""
