"""When a tenant's secret expires, in words."""

from datetime import UTC, datetime, timedelta

import pytest

from deployments.cli.commands.tenant_credential import _expiry

A_MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=40), "expires in 40 days"),
        (timedelta(days=1), "expires in 1 day,"),
        (timedelta(0), "expires in less than a day,"),
        (-timedelta(hours=2), "expired less than a day ago,"),
        (-timedelta(days=1), "expired 1 day ago"),
        (-timedelta(days=2), "expired 2 days ago"),
    ],
)
def test_days_are_whole_and_counted(left: timedelta, said: str) -> None:
    away = A_MINUTE if left >= timedelta(0) else -A_MINUTE
    assert said in _expiry(datetime.now(UTC) + left + away)
