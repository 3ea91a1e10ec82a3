"""The demo: the whole loop on real parts, from simulated users to a swapped adapter."""
