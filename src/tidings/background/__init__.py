"""The workers that run beside the services: batcher, relay, catch-up, heartbeats, maintenance.

Rule 1. A worker that dies ends the process: a server that accepts and never delivers is the worse failure.
Rule 2. A worker is handed the verbs it calls; it imports no service.
"""
