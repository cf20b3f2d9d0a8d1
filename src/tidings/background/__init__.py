"""The workers that run beside the services: batcher, relay, catch-up, heartbeats, timers, bus link, maintenance.

Rule 1. A worker that dies ends the process: a server that accepts and never delivers is the worse failure.
Rule 2. A store that is away for a while ends no worker; a log that is not what it was (`LogBroken`) does.
Rule 3. A worker is handed the verbs it calls; it imports no service.
"""
