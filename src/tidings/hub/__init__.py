"""The hub: the readers of this node, and the newest events for them.

Rule 1. Nothing here awaits, reads a clock or touches a socket.
Rule 2. A reader gets every event after its position, once, in order, or is closed.
Rule 3. The hub's head moves by whole runs of events; a LIVE reader's position is the head.
Rule 4. Nothing is queued for a reader. A slow consumer has a position, and the log has the rest.
"""
