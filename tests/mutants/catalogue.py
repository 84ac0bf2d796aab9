"""Which modules are broken, and the tests that have to notice: fast ones, the likeliest first."""

from __future__ import annotations

_COMPARISON = tuple(
    f"tests/unit/drift/test_{name}.py"
    for name in ("findings", "diff", "not_asked_for", "other_version", "kinds", "samples", "cases")
)

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
    "flows/drift/comparison/compare.py": _COMPARISON,
    "flows/drift/comparison/policy_diff.py": _COMPARISON,
    "flows/_tracking/progress.py": ("tests/integration/test_progress.py",),
    "flows/_tracking/hooks.py": ("tests/unit/test_state_map.py", "tests/integration/test_hooks.py"),
    "monitoring_app/operations/address.py": ("tests/unit/hub/test_address.py",),
    "monitoring_app/presentation/guard.py": ("tests/unit/hub/test_guard.py",),
}

SLOW = "not racing and not megabytes and not without_metadata and not any_edge"
"""Left out: tests that take long and repeat at scale what a faster one looks at."""

UNNOTICED: dict[tuple[str, str], str] = {
    (module, line): why
    for module, lines in {
        "flows/drift/comparison/compare.py": {
            "BATCH: Final = (51)": "Only how many bodies are held at once.",
            "rated_all = [rated(one, rules, inside.get((one.policy_id))) for one in (*everywhere, *findings)]": (
                "For the type checker: what has no policy's id has no level inside either."
            ),
            "return Comparison(rated_all, sorted(withheld, key=lambda one:"
            " (one.policy_type, one.reason_code, (one.part and ''))))": (
                "The parts that a side did not read come sorted already; of those that a file lacks the order is chance."
            ),
            "return Comparison(rated_all, sorted(withheld, key=lambda one:"
            " (one.policy_type, one.reason_code, (one.part))))": (
                "For the type checker: of one reason all name a part, or none does and each type has one entry."
            ),
            "about = (finding.kind, finding.policy_type, (finding.policy_name))": (
                "For the type checker: what has no name is a platform change, and of its changes the name is not asked."
            ),
            "(Severity.HIGH),": "A placeholder: `rated` gives every finding its level.",
            "about = (state.policy_id, state.name, state.policy_type, (Severity.HIGH))": (
                "A placeholder: `rated` gives every finding its level."
            ),
            "changes = [change.with_extra(severity=level.value) for change, level in"
            " zip(finding.changes, levels, strict=(False))]": (
                "Both have one length: the levels are made from the changes."
            ),
        },
        "flows/_tracking/hooks.py": {
            'with ThreadPoolExecutor((2), thread_name_prefix="row") as beside:': (
                "One thing is done beside: a second thread never begins."
            ),
        },
    }.items()
    for line, why in lines.items()
}
"""Breaks that need not be noticed, as (module, the broken line), and why: they change nothing, or only how fast it is."""
