"""`tenantatlas status` names the workers that an upgrade left behind."""

from __future__ import annotations

from deployments.local.record import online_workers, outdated, worker_name
from runstore import installed_version


def test_a_worker_of_another_version_is_named_and_one_of_this_is_not() -> None:
    workers = [
        {"name": "east-1@0.1.0", "version": "0.1.0"},
        {"name": "east-2@0.2.0", "version": "0.2.0"},
        {"name": "by-hand", "version": None},
    ]
    assert outdated(workers, "0.2.0") == [
        "Worker east-1@0.1.0 runs version 0.1.0, this is 0.2.0: restart it.",
        "Worker by-hand runs version unknown, this is 0.2.0: restart it.",
    ]


def test_a_worker_says_its_version_in_its_name() -> None:
    assert worker_name("east-1") == f"east-1@{installed_version()}"


def test_a_server_that_does_not_answer_leaves_the_workers_unknown() -> None:
    assert online_workers("http://127.0.0.1:9/api", "tenantatlas") is None
