"""The flow of `drift.generate`."""

from collections import Counter

from flows._policies.unread import ANY_TYPE
from flows._tracking.store import patiently
from flows._tracking.tracked_flow import TrackedRun, tracked_flow
from flows.drift.comparison.findings import Comparison, Withheld
from flows.drift.comparison.severity import Severity
from flows.drift.comparison.withheld import not_compared
from flows.drift.generate import generate
from flows.drift.operation import OPERATION, DriftParameters
from flows.drift.reasons import NOT_COMPARED, NOT_ENOUGH_SYNCS, SYNC_UNUSABLE
from flows.drift.register.reading import with_known_names
from flows.drift.reports.summary import change_words, told
from flows.drift.start import Chosen, TooFewSyncsError, choose
from runstore.errors import BadInputError, NotFoundError
from runstore.fence.reason_fields import clean_item_id
from runstore.reasons import ReasonedError
from runstore.runs.run import RelatedLink


@tracked_flow(OPERATION, own_steps=True)
def generate_drift(run: TrackedRun, parameters: DriftParameters) -> None:
    """Compares two syncs and keeps what differs as findings, all in one transaction."""
    compare_and_keep(run, parameters)


PATIENCE = 300.0


def compare_and_keep(run: TrackedRun, parameters: DriftParameters) -> None:
    """Compares and stores in one transaction: a run that dies half-way leaves nothing, a second attempt leaves it once."""
    chosen, comparison = run.step(
        "compare and store", lambda: patiently(lambda: _generated(run, parameters), give_up_after=PATIENCE)
    )
    run.step("report", lambda: _report(run, parameters, chosen, comparison))


def _report(run: TrackedRun, parameters: DriftParameters, chosen: Chosen, comparison: Comparison) -> None:
    found = [clean_item_id(finding.subject) for finding in comparison.findings]
    withheld = [entry.as_json() for entry in comparison.withheld]
    lost = [entry for entry in comparison.withheld if entry.reason_code == NOT_COMPARED.code]
    held = [item for entry in comparison.withheld if entry not in lost for item in _items(entry)]
    if lost and not found:
        # What could be read was compared, and that went well: the run succeeded in part.
        found = ["compared"]
    run.progress.expect([*found, *held, *(_items(entry)[0] for entry in lost)])
    for item in found:
        run.progress.succeeded(item)
    for item in held:
        run.progress.skipped(item)
    for entry in lost:
        of_type = entry.policy_type if entry.policy_type != ANY_TYPE else None
        run.progress.failed(NOT_COMPARED.failure(_items(entry)[0], count=entry.count, policy_type=of_type))
    run.progress.note(
        scope=parameters.scope,
        baseline_sync_id=str(chosen.baseline.id),
        current_sync_id=str(chosen.current.id),
        against=chosen.against.value,
        findings=len(comparison.findings),
        withheld=withheld,
        notice=not_compared(withheld),
    )
    run.progress.link(RelatedLink("Drift findings", "findings", {"run": str(run.run_id)}))
    for entry in comparison.withheld:
        run.log.warning("%d differences of %s withheld, %s.", entry.count, entry.policy_type, entry.reason_code)
    by_severity = Counter(finding.severity for finding in comparison.findings)
    counts = ", ".join(f"{by_severity[one]} {one}" for one in Severity if by_severity[one])
    run.log.info("%d findings%s.", len(comparison.findings), f": {counts}" if counts else "")
    found_now = [finding.as_json(finding.subject, None) for finding in comparison.findings]
    rows = [
        {
            "Severity": entry.severity,
            "Policy": entry.policies,
            "Type": entry.findings[0]["policy_type"],
            "What": entry.findings[0]["kind"],
            "Changes": change_words(entry.shown[0]) if entry.is_group else len(entry.shown),
        }
        for entry in told(patiently(lambda: with_known_names(run.store, run.scope, found_now), give_up_after=PATIENCE))
    ]
    between = f"sync {chosen.baseline.id} to {chosen.current.id}"
    run.table("findings", rows, f"Findings of the scope {parameters.scope}, {between}.")


def _items(entry: Withheld) -> list[str]:
    kind = f"{entry.policy_type}:{entry.part}" if entry.part else entry.policy_type
    return [f"withheld:{kind}:{number}" for number in range(entry.count)]


def _generated(run: TrackedRun, parameters: DriftParameters) -> tuple[Chosen, Comparison]:
    with run.store.transaction(run.scope) as connection:
        try:
            chosen = choose(connection, run.scope, parameters)
        except TooFewSyncsError as few:
            raise ReasonedError(NOT_ENOUGH_SYNCS.failure(count=few.count)) from None
        except (BadInputError, NotFoundError):
            named = parameters.current or parameters.baseline
            raise ReasonedError(SYNC_UNUSABLE.failure(sync_id=named)) from None
        run.log.info(
            "Comparing sync %s (%s policies) with its baseline %s (%s policies).",
            chosen.current.id,
            chosen.current.policies,
            chosen.baseline.id,
            chosen.baseline.policies,
        )
        return chosen, generate(connection, run.scope, run.run_id, chosen)
