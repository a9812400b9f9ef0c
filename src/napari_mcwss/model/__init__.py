"""The network, its maps and its losses."""
