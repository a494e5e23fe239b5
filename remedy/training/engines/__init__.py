"""Engines train recipes: here, in other processes, or (as a plugin) on a cluster."""
