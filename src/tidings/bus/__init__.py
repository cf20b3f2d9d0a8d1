"""The bus: how a node tells the others that the log has grown.

Rule 1. It is a hint. Frames may be lost, repeated, reordered or late (law 7); the store is the only truth.
Rule 2. A frame says its format version and its log's epoch; frames of others are dropped and counted.
Rule 3. Names of channels and locks derive from the log's identity, so two installations share one server.
"""
