"""Hundreds of made-up secrets go through real flows in every way one can slip out; afterwards none is found anywhere.

Looked at byte by byte: every table of the run store and of Prefect, binary columns unpacked; every file of the stack's
home that is not a database file (logs, state, results); the rows the command line prints from; the hub's downloads and pages.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import orjson
import psycopg
import pytest
from playwright.sync_api import sync_playwright
from psycopg import sql

from deployments.local.embedded_database import PREFECT
from flows.drift.register.reading import findings_document
from flows.registry import migration_folders, reasons
from monitoring_app.settings import HubSettings, OidcSettings
from monitoring_app.web.identity import Sessions
from runstore.database import DatabaseRole
from runstore.directory import Directory
from runstore.errors import BadInputError
from runstore.runs.run import RunDetail
from runstore.runs.status import RunStatus
from runstore.tenancy import Role, TenantScope
from tests.support.chromium import ARGUMENTS, chromium
from tests.support.hub_server import HubServer
from tests.support.ports import free_port
from tests.support.second_scanner import found_by_second_scanner
from tests.support.secret_corpus import Sample, corpus, needles
from tests.support.secret_kinds import KINDS, made
from tests.support.secret_places import BODIES, FILES, body_at, encodings, file_at
from tests.support.stack import StackUnderTest
from tests.support.unsealed import unsealed

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

SEED = 20261124
SAMPLES = corpus(SEED)
EACH = 1 if os.environ.get("TENANTATLAS_EVERY_PLACE") else 5
"""Every kind goes through the places of policies with TENANTATLAS_EVERY_PLACE=1, else each fifth."""
WAYS = ("raise", "chain", "payload", "items", "logs", "threads", "http", "tasks", "told", "exit")
ALONE = tuple(f"raise-{number}" for number in range(0, len(SAMPLES), 150))
VIEWER = "viewer@leak.example"
SESSION_SECRET = "s" * 40


@dataclass
class Aftermath:
    """The stack after everything slipped out, and the runs it slipped out of."""

    stack: StackUnderTest
    scope: TenantScope
    runs: dict[str, RunDetail]

    @property
    def url(self) -> str:
        return self.stack.running.database_url

    def unsealed(self) -> Iterator[tuple[str, bytes]]:
        return unsealed(self.stack.database(DatabaseRole.WORKER), self.scope)


@pytest.fixture(scope="module")
def aftermath(stack: StackUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    scope = stack.tenant("leak")
    folder = tmp_path_factory.mktemp("exports")
    runs: dict[str, RunDetail] = {}
    for read in ("first", "second"):
        _write_exports(folder / read, SAMPLES if read == "first" else corpus(SEED + 1))
        _write_places(folder / read, _placed(SEED if read == "first" else SEED + 1))
        values = {"source": f"folder:{folder / read}", "scope": "leak"}
        sync = stack.start(scope, "inventory.sync", values)
        runs[f"sync {read}"] = stack.until(scope, sync.run.id, seconds=240)
    started = {way: stack.start(scope, "leak.slip", {"way": way, "seed": str(SEED)}) for way in (*WAYS, *ALONE)}
    for number, sample in enumerate(SAMPLES[::75]):
        values = {"way": "raise-0", "seed": str(SEED), ("extra", "scope")[number % 2]: sample.text}
        with pytest.raises(BadInputError, match="cannot keep its parameter"):
            stack.start(scope, "leak.slip", values)
    started["with a scope"] = stack.start(scope, "leak.slip", {"way": "raise-0", "seed": str(SEED), "scope": "leak"})
    drift = stack.start(scope, "drift.generate", {"scope": "leak"})
    runs["drift"] = stack.until(scope, drift.run.id, seconds=240)
    runs |= {way: stack.until(scope, one.run.id, seconds=240) for way, one in started.items()}
    return Aftermath(stack, scope, runs)


def _write_exports(folder: Path, samples: list[Sample]) -> None:
    """Policies with a secret wherever one can be, files that are not policies, and file names that hold one."""
    folder.mkdir()
    for number, sample in enumerate(samples):
        encoded = base64.b64encode(f"# script\n{sample.text}\nexit 0\n".encode()).decode()
        identifier = f"{number:08x}-0000-4000-8000-000000000000"
        bodies: list[dict[str, Any]] = [
            {
                "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
                "displayName": sample.text,
                "description": f"was set with {sample.text}",
                "omaSettings": [
                    {"@odata.type": "#microsoft.graph.omaSettingString", "omaUri": "./x", "value": sample.text}
                ],
            },
            {
                "@odata.type": "#microsoft.graph.deviceManagementScript",
                "displayName": f"Script {number}",
                "fileName": "x.ps1",
                "scriptContent": encoded,
            },
            {
                "@odata.type": "#microsoft.graph.windowsWifiConfiguration",
                "displayName": f"Wi-Fi {number}",
                "preSharedKey": sample.needles[0],
                "extra": {sample.text: {"inner": [sample.text]}},
            },
        ]  # fmt: skip
        body = bodies[number % len(bodies)] | {"id": identifier}
        (folder / f"{number}.json").write_text(json.dumps(body), encoding="utf-8")
        if number % 5 == 0:
            (folder / f"broken {number}.json").write_text(f'{{"displayName": "{sample.text}', encoding="utf-8")
            # A slash cannot stand in a file's name, and without it a URL or a token is no longer one.
            name = sample.text.replace("\n", " ")
            if len(name.encode()) < 200 and "/" not in name:
                (folder / f"{name}.json").write_text("{}", encoding="utf-8")


def _placed(seed: int) -> list[Sample]:
    return made(KINDS, seed)[SEED % EACH :: EACH]


def _write_places(folder: Path, samples: list[Sample]) -> None:
    """A policy for each sample, in one place after the other; what a file can be called by, it is called by as well."""
    places = list(BODIES)
    for number, sample in enumerate(samples):
        body = body_at(places[number % len(places)], sample.text, number + 0x10000)
        path = file_at(FILES[number % len(FILES)], sample.text) or f"place {number}.json"
        target = folder / f"places {number}" / path
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(body), encoding="utf-8")


def _found(place: str, data: bytes, wanted: list[tuple[Sample, bytes]]) -> list[str]:
    """Where which kind stands, with what is around it, one line a kind."""
    found: dict[str, str] = {}
    for sample, needle in wanted:
        position = data.find(needle)
        if position >= 0:
            around = data[max(0, position - 80) : position + len(needle) + 40]
            found.setdefault(sample.kind, f"{place}: {sample.kind}: {around!r}")
    return list(found.values())


def _wanted() -> list[tuple[Sample, bytes]]:
    """What to look for: each secret as it is, as JSON escapes it, and as it stands inside of base64."""
    wanted: dict[bytes, Sample] = {}
    for sample, needle in needles([*SAMPLES, *corpus(SEED + 1)]):
        if needle.decode() not in sample.needles[:3]:
            # Of a key of many lines the first three will do.
            continue
        wanted[needle] = sample
        wanted[json.dumps(needle.decode())[1:-1].encode()] = sample
        # A script is kept in base64, where its text may begin at any of three offsets.
        for offset in range(3):
            inner = base64.b64encode(b"\n" * offset + needle)[4 if offset else 0 : -4]
            if len(inner) >= 12:
                wanted[inner] = sample
    for sample in (*_placed(SEED), *_placed(SEED + 1)):
        for needle in sample.needles[:1]:
            wanted |= dict.fromkeys(encodings(needle), sample)
    return [(sample, needle) for needle, sample in wanted.items()]


def _tables(url: str) -> Iterator[tuple[str, bytes]]:
    """Every table as text, and every binary value unpacked."""
    with psycopg.connect(url, autocommit=True) as connection:
        names = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert len(names) > 5
        for schema, table in names:
            name = sql.Identifier(schema, table)
            with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY {} TO STDOUT").format(name)) as copy:
                # COPY doubles backslashes; the text is searched as it is stored.
                yield f"{schema}.{table}", b"".join(bytes(block) for block in copy).replace(b"\\\\", b"\\")
            columns = connection.execute(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_schema = %s AND table_name = %s AND data_type = 'bytea'",
                (schema, table),
            ).fetchall()
            for (column,) in columns:
                query = sql.SQL("SELECT {} FROM {}").format(sql.Identifier(column), name)
                for (value,) in connection.execute(query):
                    if value:
                        yield f"{schema}.{table}.{column}", _unpacked(bytes(value))


def _unpacked(value: bytes) -> bytes:
    try:
        return value + zlib.decompress(value)
    except zlib.error:
        return value


def _at(url: str, database: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{database}"))


def test_every_way_was_gone(aftermath: Aftermath) -> None:
    """The secrets did get as far as they could: else the tests below would look for what never was."""
    failed = {name for name, detail in aftermath.runs.items() if detail.run.status is RunStatus.FAILED}
    assert {"raise", "chain", "http", "tasks", "told", "payload", "items", "exit"} <= failed
    assert aftermath.runs["logs"].run.status is RunStatus.COMPLETED
    for name in ("payload", "items"):
        # Items whose names are all secret have the same name once it is taken out.
        assert aftermath.runs[name].run.counts.failed >= 60, name
    for name in ("sync first", "sync second"):
        assert aftermath.runs[name].run.status is RunStatus.COMPLETED_WITH_ERRORS
        assert aftermath.runs[name].run.counts.succeeded >= 300
    # Files that cannot be read are in both syncs: what they hold was not compared, and the run says so.
    assert aftermath.runs["drift"].run.status is RunStatus.COMPLETED_WITH_ERRORS
    known = reasons()
    for name, detail in aftermath.runs.items():
        for failure in detail.failures:
            assert failure.reason_code in known, name


@pytest.mark.parametrize("database", ["run store", "prefect"])
def test_no_table_holds_a_secret(aftermath: Aftermath, database: str) -> None:
    url = aftermath.url if database == "run store" else _at(aftermath.url, PREFECT)
    wanted, leaks, size = _wanted(), list[str](), 0
    # What is encrypted is searched as it is underneath.
    underneath = aftermath.unsealed() if database == "run store" else ()
    for place, data in (*_tables(url), *underneath):
        size += len(data)
        leaks += _found(place, data, wanted)
    assert size > 1_000_000
    assert not leaks, "\n".join(leaks)


def _files() -> Iterator[tuple[str, bytes]]:
    """Every file of the home that is not a database file."""
    home = Path(os.environ["TENANTATLAS_HOME"])
    for path in home.rglob("*"):
        if path.is_file() and not path.is_relative_to(home / "postgres" / "data"):
            yield str(path.relative_to(home)), path.read_bytes()


def test_no_file_of_the_home_holds_a_secret(aftermath: Aftermath) -> None:
    wanted, leaks, logs = _wanted(), list[str](), 0
    for place, data in _files():
        logs += len(data) if place.endswith(".log") else 0
        leaks += _found(place, data, wanted)
    assert logs > 100_000
    assert not leaks, "\n".join(leaks)


def test_the_local_log_tells_class_place_and_correlation_id(aftermath: Aftermath) -> None:
    message = aftermath.runs["raise"].failures[0].message
    correlation_id = message.rpartition(" ")[2].rstrip(".")
    log = aftermath.stack.process("worker").log.read_text(encoding="utf-8", errors="replace")
    story = log[log.index(f"[{correlation_id}]") :][:2000]
    assert "RemoteError" in story
    assert "flows.leak.flow:" in story and "in _raise" in story


@pytest.fixture(scope="module")
def rendered(aftermath: Aftermath, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The hub's downloads and pages of the runs."""
    admin = Directory(aftermath.stack.database(DatabaseRole.ADMIN))
    admin.grant(aftermath.scope, VIEWER, Role.MANAGER)
    viewer = admin.by_email(VIEWER)
    assert viewer is not None
    port = free_port()
    settings = HubSettings(
        database_url=aftermath.url,
        public_url=f"http://127.0.0.1:{port}",
        session_secret=SESSION_SECRET,
        oidc=OidcSettings("http://127.0.0.1:9", "hub", "not-a-real-one"),
        catalogue=reasons(),
        producer_migrations=migration_folders(),
    )
    # A cookie, not a proxy's headers: a newer Chromium sends no extra headers when it opens a WebSocket.
    cookies = {"tenantatlas": Sessions(SESSION_SECRET, 1).open(viewer.id)}
    shown: dict[str, bytes] = {}
    with HubServer(settings, tmp_path_factory.mktemp("hub"), port) as hub:
        with httpx.Client(base_url=hub.url, cookies=cookies, trust_env=False, timeout=60) as client:
            for kind in ("csv", "json"):
                shown[f"runs.{kind}"] = _get(client, f"/export/runs.{kind}", {"tenant": "leak"})
                for name in ("payload", "items", "http", "sync first", "raise"):
                    query = {"tenant": "leak", "id": str(aftermath.runs[name].run.id)}
                    shown[f"{name}.{kind}"] = _get(client, f"/export/items.{kind}", query)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
            context = browser.new_context()
            context.add_cookies([{"name": name, "value": value, "url": hub.url} for name, value in cookies.items()])
            page = context.new_page()
            for name in ("payload", "items", "chain", "sync second", "drift"):
                page.goto(f"{hub.url}/r/leak/{aftermath.runs[name].run.id}")
                page.get_by_text(str(aftermath.runs[name].run.id)[:8]).first.wait_for(timeout=60_000)
                shown[f"page {name}"] = page.content().encode()
            browser.close()
    return shown


def test_no_download_or_page_of_the_hub_shows_a_secret(rendered: dict[str, bytes]) -> None:
    wanted, leaks = _wanted(), list[str]()
    for place, data in rendered.items():
        assert len(data) > 100, place
        leaks += _found(place, data, wanted)
    assert b"internal_error" in rendered["items.csv"]
    assert not leaks, "\n".join(leaks)


@pytest.mark.long
def test_a_second_scanner_finds_nothing_that_was_planted(aftermath: Aftermath, rendered: dict[str, bytes]) -> None:
    """Its rules are not ours: it would see a part of a secret, or one in a form that nobody looks for above."""
    planted = [sample for seed in (SEED, SEED + 1) for sample in (*corpus(seed), *_placed(seed))]
    needed = {needle for sample in planted for needle in sample.needles}
    known = found_by_second_scanner("\n\n".join(sample.text for sample in planted))
    assert len(known) >= 50, "it has to see something at all"
    tables = (*_tables(aftermath.url), *_tables(_at(aftermath.url, PREFECT)), *aftermath.unsealed())
    # Most lines are there many times, and the scanner takes ten seconds for a megabyte.
    lines: dict[str, str] = {}
    for place, data in (*tables, *_files(), *rendered.items()):
        lines |= {line: place for line in data.decode("utf-8", "replace").split("\n") if line not in lines}
    assert sum(map(len, lines)) > 1_000_000
    found = found_by_second_scanner("\n".join(lines))
    # A part of a secret is one; the scanner also takes the word `password` for one, which stands in many planted texts.
    leaks = [(rule, secret) for rule, secret in found if any(secret in one or one in secret for one in needed)]
    print(f"{len(found)} findings by {len({rule for rule, _ in found})} rules, of {len(needed)} planted: {len(leaks)}")
    assert not leaks, [(leak, next((place for line, place in lines.items() if leak[1] in line), "")) for leak in leaks]


def _get(client: httpx.Client, path: str, query: dict[str, str]) -> bytes:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_what_was_looked_at_in_prefect_was_there(aftermath: Aftermath) -> None:
    """Its tables hold a flow run's log, its tasks by name, its artifacts, and names that the parameters are part of."""
    run = aftermath.runs["told"].run
    wanted = {"flow_run_id": {"any_": [str(run.flow_run_id)]}}
    with aftermath.stack.prefect() as prefect:
        tasks = prefect.post("task_runs/filter", json={"task_runs": wanted}).json()
        artifacts = prefect.post("artifacts/filter", json={"artifacts": wanted}).json()
        logs = prefect.post("logs/filter", json={"logs": wanted, "limit": 200}).json()
        named = prefect.get(f"flow_runs/{aftermath.runs['with a scope'].run.flow_run_id}").json()
    assert sum("batch" in task["name"] for task in tasks) >= 10
    assert {"FAILED", "COMPLETED"} == {task["state_type"] for task in tasks}
    assert {"table", "markdown"} <= {artifact["type"] for artifact in artifacts}
    assert len(max((one["data"] for one in artifacts if one["type"] == "table"), key=len)) > 10_000
    assert sum("waiting for" in line["message"] for line in logs) >= 50
    assert named["name"].startswith("leak.slip · leak · ") and any(tag.startswith("scope:") for tag in named["tags"])


def test_findings_tell_that_a_secret_changed_and_no_more(aftermath: Aftermath) -> None:
    texts = [data for place, data in aftermath.unsealed() if place == "changes"]
    assert len(texts) >= 200
    keys = [change for text in texts for change in orjson.loads(text) if change["setting"] == "preSharedKey"]
    assert len(keys) >= 50
    for change in keys:
        assert change["before"].startswith("secret:v1:") and change["after"].startswith("secret:v1:"), change
        assert change["before"] != change["after"]
    document = findings_document(aftermath.stack.database(DatabaseRole.APP), aftermath.scope)
    shown = [one for found in document["findings"] for one in found["changes"] if one["setting"] == "preSharedKey"]
    assert shown
    for one in shown:
        assert (one["before_name"], one["after_name"]) == ("secret (not kept)", "secret changed (not kept)")
