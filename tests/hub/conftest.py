"""Assertions in the modules that tests lean on say what differed, too."""

import pytest

pytest.register_assert_rewrite("tests.hub.world", "tests.hub.pipes")
