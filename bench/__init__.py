"""Benchmarks: the cost of each operation, side by side with other servers.

Rule 1. A cost is the server's own: CPU and memory of its processes, read from outside while it works.
Rule 2. A figure stands beside the baseline (the cheapest server there can be) and a peer,
measured in the same run.
Rule 3. Every run is bounded, starts what it needs on free loopback ports, and stops it by process id.
Rule 4. A peer that is not installed is a line in the table, never a failure.
"""
