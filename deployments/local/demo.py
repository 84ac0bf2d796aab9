"""`tenantatlas demo`: the whole product on this machine, with two sample tenants, two syncs each and what drifted."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deployments.cli.call import Answer, Call
from deployments.cli.console import Block, Table, print_blocks, print_json
from deployments.cli.start_action import counts_text, wait_for
from deployments.local.local_stack import LocalStack
from deployments.settings import Settings, load_settings
from deployments.store_access import StoreAccess, open_store
from flows.drift.commands import findings_table
from flows.drift.comparison.withheld import why_empty
from flows.drift.register.filters import FindingFilter
from flows.drift.register.reading import findings_document
from flows.drift.start import generate_request
from flows.inventory.start import sync_request
from runstore import migrations
from runstore.database import DatabaseRole
from runstore.errors import BadInputError, ForbiddenError, TenantAtlasError
from runstore.runs.run import Run
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import StatusBucket
from runstore.tenancy import LOCAL_OPERATOR, Role, TenantScope

SAMPLES = Path(__file__).parents[1] / "samples"
SCOPE = "default"

# Every sample tenant gets these members; the hub's picker offers them.
MEMBERS = (
    ("olivia.owner@example.com", Role.OWNER),
    ("oscar.operator@example.com", Role.OPERATOR),
    ("rita.readonly@example.com", Role.READONLY),
)

# Beside a sign-in the hub refuses the picker; and a login of its own would lead a process of the demo to a real store.
NOT_THE_DEMOS = (
    "TENANTATLAS_OIDC_ISSUER",
    "TENANTATLAS_PROXY_ADDRESSES",
    "TENANTATLAS_HUB_DATABASE_URL",
    "TENANTATLAS_APP_DATABASE_URL",
    "TENANTATLAS_RELAY_DATABASE_URL",
    "TENANTATLAS_WORKER_DATABASE_URL",
)


def run_demo(call: Call, *, stay: bool) -> Answer | None:
    """Starts everything, shows what happened, and stops it. BadInputError for a home with tenants of one's own."""
    # Without what a real installation has: the demo has its own database and Prefect, and a picker. The stack's processes read
    # the environment again; emptied and not removed, since what is missing there, a `.env` in the home fills in.
    os.environ.update(dict.fromkeys(NOT_THE_DEMOS, ""))
    settings = load_settings().model_copy(update={"database_url": None, "prefect_api_url": None})
    _refuse_real_home(settings)
    began = time.monotonic()

    def report(line: str) -> None:
        call.note(f"[{time.monotonic() - began:5.1f} s] {line}")

    with LocalStack(settings, demo=True, report=report) as stack:
        with open_store(settings) as store:
            document, blocks = _play(store, report)
        document |= {"hub_url": stack.record.hub_url, "prefect_ui_url": stack.record.prefect_ui_url}
        where = (
            f"Operations hub  {stack.record.hub_url}   (sign in as any of the demo's members)",
            f"Prefect         {stack.record.prefect_ui_url}",
        )
        print_json(document) if call.as_json else print_blocks([*blocks, *where])
        if stay:
            call.note("Press Ctrl-C to stop everything.")
            stack.watch()
        report("Stopping everything")
    report("Everything is stopped")
    return None


def samples() -> Mapping[str, Sequence[Path]]:
    """The sample tenants by slug: `samples/<slug>/<date>/…`, at least two dated exports each, oldest first."""

    def folders(at: Path) -> list[Path]:
        return sorted(path for path in at.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))

    found = {one.name: snapshots for one in folders(SAMPLES) if len(snapshots := folders(one)) >= 2}
    if not found:
        raise TenantAtlasError(f"The sample exports are missing from {SAMPLES}. Install the product again.")
    return found


def _play(store: StoreAccess, report: Any) -> tuple[dict[str, Any], list[Block]]:
    exports = samples()
    scopes = {slug: _ensure_tenant(store, slug) for slug in exports}
    runs: list[Run] = []
    for number in range(max(map(len, exports.values()))):
        report(f"Reading the exports of each tenant, snapshot {number + 1}")
        folders = {slug: found[number] for slug, found in exports.items() if number < len(found)}
        runs += _run_all(store, scopes, {slug: sync_request(f"folder:{one}", SCOPE) for slug, one in folders.items()})
    report("Comparing each tenant's newest two syncs")
    app = store.database()
    runs += _run_all(
        store, scopes, {slug: generate_request(app, scope, scope_key=SCOPE) for slug, scope in scopes.items()}
    )
    refusal = _refused(store, next(iter(scopes)))
    wanted = FindingFilter(scope_key=SCOPE)
    findings = {slug: findings_document(app, scope, wanted=wanted) for slug, scope in scopes.items()}
    tables = [
        findings_table(found, why_empty(found), title=f"What drifted in {slug}") for slug, found in findings.items()
    ]
    rows = [(run.tenant, str(run.type), run.bucket.value, counts_text(run), _took(run), str(run.id)) for run in runs]
    ran = Table(("Tenant", "Operation", "State", "Items", "Took", "Run"), rows, "Nothing ran.", title="What ran")
    document = {"runs": [run.as_json() for run in runs], "refused": refusal, "findings": findings}
    return document, [ran, *tables, refusal]


def _run_all(
    store: StoreAccess, scopes: Mapping[str, TenantScope], requests: Mapping[str, StartRequest]
) -> Sequence[Run]:
    database = store.database()
    started = [(scopes[slug], start(database, scopes[slug], request).run) for slug, request in requests.items()]
    ended = [wait_for(store.database(DatabaseRole.HUB), scope, run.id) for scope, run in started]
    for detail in ended:
        if detail.run.bucket is StatusBucket.FAILED:
            why = "; ".join(f"{failure.message} ({failure.reason_code})" for failure in detail.failures[:3])
            raise TenantAtlasError(
                f"The sample run {detail.run.type} of {detail.run.tenant} failed: {why or 'no reason'}"
            )
    return [detail.run for detail in ended]


def _ensure_tenant(store: StoreAccess, slug: str) -> TenantScope:
    directory = store.directory(admin=True)
    if slug not in {tenant.slug for tenant in directory.tenants()}:
        directory.add_tenant(slug, slug.replace("-", " ").title())
    tenant = directory.tenant(slug)
    scope = TenantScope(tenant.id, tenant.slug, LOCAL_OPERATOR)
    for email, role in MEMBERS:
        directory.grant(scope, email, role)
    return scope


def _refused(store: StoreAccess, slug: str) -> str:
    """What the member who may only read is told when starting a run; TenantAtlasError if it is not refused."""
    reader = next(email for email, role in MEMBERS if role is Role.READONLY)
    try:
        app, scope = store.database(), store.scope(slug, reader)
        start(app, scope, generate_request(app, scope, scope_key=SCOPE))
    except ForbiddenError as refusal:
        return f"Refused, as it should be: {refusal}"
    raise TenantAtlasError(f"{reader} started a run although the role readonly does not allow it.")


def _took(run: Run) -> str:
    return f"{(run.finished_at - run.started_at).total_seconds():.1f} s" if run.started_at and run.finished_at else "-"


def _refuse_real_home(settings: Settings) -> None:
    # A home that the demo made may have got tenants of one's own since.
    marker = settings.home / "demo"
    if (settings.home / "postgres" / "data").exists():
        with open_store(settings, verify=False) as store:
            known = store.directory().tenants() if migrations.found(store.url) else ()
        made = set(samples()) if marker.exists() else set[str]()
        if {tenant.slug for tenant in known} - made:
            raise BadInputError(
                f"{settings.home} holds tenants of your own, and the demo would let anyone act in them. "
                "Set TENANTATLAS_HOME to an empty directory for the demo."
            )
    settings.home.mkdir(parents=True, exist_ok=True)
    marker.write_text("Made by `tenantatlas demo`.\n")
