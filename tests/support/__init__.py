"""What tests of several folders share, importable and typed."""
