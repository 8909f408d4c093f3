"""The pages, one a module; ``app`` imports each when it is first shown."""
