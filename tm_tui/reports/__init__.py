"""Reports of TMSP: what the portal lists is fetched, kept bounded, and read."""
