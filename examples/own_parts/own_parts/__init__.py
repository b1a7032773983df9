"""Parts of one's own for star: what docs/extending.md explains."""
