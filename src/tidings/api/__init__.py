"""HTTP in, HTTP out; no logic.

Rule 1. A handler makes a call of a verb from a request, and an answer from its result. `schemas` checks what comes in.
Rule 2. An operation declares its route, its schemas and its description together; `/openapi.json` is made of that.
Rule 3. Errors are raised, and become problem+json in one place (`http.Endpoint`).
"""
