"""Which modules are broken, and the tests that have to notice: fast ones, the likeliest first."""

from __future__ import annotations

MODULES: dict[str, tuple[str, ...]] = {
    "runstore/runs/status.py": ("tests/unit/test_status.py", "tests/integration/test_recorder.py"),
    "runstore/runs/recorder.py": (
        "tests/unit/test_status.py",
        "tests/integration/test_recorder.py",
        "tests/integration/drift/test_chain.py",
        "tests/integration/test_outbox.py",
    ),
    "runstore/runs/outbox.py": ("tests/integration/test_outbox.py",),
    "runstore/runs/flow_runs.py": ("tests/integration/test_silence.py", "tests/integration/test_adoption.py"),
    "runstore/runs/filters.py": ("tests/unit/test_cursor.py",),
    "runstore/tenancy.py": ("tests/unit/test_tenancy.py",),
    "runstore/notifications.py": ("tests/integration/test_notifications.py",),
    "flows/drift/comparison/compare.py": ("tests/unit/drift",),
    "flows/drift/comparison/policy_diff.py": ("tests/unit/drift",),
    "flows/_tracking/progress.py": ("tests/integration/test_progress.py",),
    "flows/_tracking/hooks.py": ("tests/unit/test_state_map.py", "tests/integration/test_hooks.py"),
    "monitoring_app/operations/address.py": ("tests/unit/hub/test_address.py",),
    "monitoring_app/presentation/guard.py": ("tests/unit/hub/test_guard.py",),
}

SLOW = "not racing and not megabytes and not without_metadata and not any_edge"
"""Left out: tests that take long and repeat at scale what a faster one looks at."""

UNNOTICED: dict[tuple[str, str], str] = {
    ("flows/drift/comparison/compare.py", line): why
    for line, why in {
        "BATCH: Final = (51)": "Only how many bodies are held at once.",
        "rated_all = [rated(one, rules, inside.get((one.policy_id))) for one in (*everywhere, *findings)]": (
            "For the type checker: what has no policy's id has no level inside either."
        ),
        "(Severity.HIGH),": "A placeholder: `rated` gives every finding its level.",
        "about = (state.policy_id, state.name, state.policy_type, (Severity.HIGH))": (
            "A placeholder: `rated` gives every finding its level."
        ),
        "changes = [change.with_extra(severity=level.value) for change, level in"
        " zip(finding.changes, levels, strict=(False))]": "Both have one length: the levels are made from the changes.",
        "return Comparison(rated_all, sorted(withheld, key=lambda one:"
        " (one.policy_type, one.reason_code, (one.part and ''))))": (
            "The parts that a side did not read come sorted already; of those that a file lacks the order is chance."
        ),
    }.items()
}
"""Breaks that need not be noticed, as (module, the broken line), and why: they change nothing, or only how fast it is."""
