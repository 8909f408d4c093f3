"""Widgets that pages are made of; each is of one idea and knows no page."""
