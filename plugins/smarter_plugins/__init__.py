"""The plugins that Smarter ships; they register like anybody's, by entry point."""
