"""The meter: turns a source's rows into readings on the slot axis and seals them in frames."""
