"""The two endpoints of the article that Tidings began with: its stream, and its export to Excel.

Rule 1. They mean what the original meant, spelling included (`creat_time`).
Rule 2. They are a face on the verbs of `services`: nothing else knows that they exist.
"""
