"""What flows between rooms: pure data, no I/O, no cryptography."""
