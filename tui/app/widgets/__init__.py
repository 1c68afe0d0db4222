"""One widget per file; each draws plain lines and repaints only the cells that changed."""
