"""HTTP in, HTTP out; no logic.

Rule 1. A handler reads the request, asks the desk, writes the answer. What it was sent is checked in `schemas`.
Rule 2. Errors are raised, and become problem+json in one place (`http.Endpoint`).
"""
