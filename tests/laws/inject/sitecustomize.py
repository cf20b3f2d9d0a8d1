"""Applies one sabotage in every Python process that has this folder on its path: a test run, and its servers."""

import os

from tests.laws.sabotages import SABOTAGES

SABOTAGES[os.environ["SABOTAGE"]].apply()
