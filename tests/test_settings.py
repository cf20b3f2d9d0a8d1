"""Settings: what makes no sense is said when the server starts, not when it is too late."""

import pytest

from tidings.domain.errors import InvalidSettings
from tidings.settings import load


@pytest.mark.parametrize(
    ("name", "text"),
    [("RETRY", "-5"), ("DRAIN", "-1"), ("MAX_BATCH", "0"), ("RETENTION_ROWS", "nonsense"), ("HEARTBEAT", "3600")],
)
def test_a_setting_out_of_its_bounds_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(InvalidSettings, match=name.lower()):
        load({"mode": "dev"}, {f"TIDINGS_{name}": text})


def test_what_is_chosen_beats_the_environment() -> None:
    assert load({"mode": "dev", "port": 1, "db": None}, {"TIDINGS_PORT": "2", "TIDINGS_RETRY": "3"}).port == 1
