"""The files for other machines are what their tools read, and name commands and settings that exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.cli import main as cli
from deployments.local import specs
from deployments.settings import Settings

DEPLOYMENTS = Path(cli.__file__).parents[1]
LEASES = ("PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE", "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS")
READ_BY_OTHERS = {
    "TENANTATLAS_TENANT_SECRET",
    "TENANTATLAS_DATABASE_PASSWORD",
    "TENANTATLAS_HUB_DATABASE_PASSWORD",
    "TENANTATLAS_APP_DATABASE_PASSWORD",
    "TENANTATLAS_RELAY_DATABASE_PASSWORD",
    "TENANTATLAS_WORKER_DATABASE_PASSWORD",
    "TENANTATLAS_GRAPH_IN_FLIGHT",
    "TENANTATLAS_PREFECT_UI_URL",
    "TENANTATLAS_READY_FILE",
    "TENANTATLAS_STACK",
}


def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOYMENTS / "kubernetes" / "tenantatlas.yaml").read_text()))


def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOYMENTS / "compose" / "compose.yaml").read_text())


def units() -> dict[str, dict[str, list[str]]]:
    """Of each unit the lines of its service: a name may come more than once, and the later line then counts as well."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted((DEPLOYMENTS / "systemd").glob("*.service")):
        lines = path.read_text().partition("[Service]\n")[2].partition("\n[")[0]
        service = found.setdefault(path.stem, {})
        for name, _, value in (line.partition("=") for line in lines.splitlines() if line):
            service.setdefault(name, []).append(value)
    return found


def pods() -> Iterator[dict[str, Any]]:
    for document in documents():
        if document["kind"] != "Service":
            yield document["spec"]["template"]["spec"]


def containers() -> Iterator[dict[str, Any]]:
    for pod in pods():
        yield from (*pod.get("initContainers", []), *pod["containers"])


def programs() -> Iterator[tuple[str, list[str]]]:
    """Everything that starts our image: the image has no entry point, so the program comes first."""
    for name, service in compose()["services"].items():
        if "tenantatlas" in str(service.get("image")):
            yield f"compose {name}", service["command"]
    for container in containers():
        yield f"kubernetes {container['name']}", container["command"]


def commands() -> Iterator[tuple[str, list[str]]]:
    yield from ((where, words[1:]) for where, words in programs() if words[0] == "tenantatlas")
    for name, unit in units().items():
        program, *arguments = unit["ExecStart"][0].split()
        if program.endswith("/tenantatlas"):
            yield f"systemd {name}", arguments


@pytest.mark.parametrize(("where", "arguments"), list(commands()), ids=lambda value: str(value))
def test_every_command_exists_with_its_options(where: str, arguments: list[str]) -> None:
    command: Any = cli.build()
    words = list(arguments)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_image_is_one_for_prefects_jobs_as_well() -> None:
    """They get `prefect flow-run execute` as arguments and copy their working directory; a cluster looks up no user's name."""
    lines = (DEPLOYMENTS / "compose" / "Dockerfile").read_text().splitlines()
    assert not [line for line in lines if line.startswith("ENTRYPOINT")]
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001"]
    assert [line for line in lines if line.startswith("WORKDIR")][-1] == "WORKDIR /home/tenantatlas/empty"
    assert {words[0] for _, words in programs()} == {"tenantatlas", "prefect"}
    assert not [container["name"] for container in containers() if "args" in container]


def test_prefects_server_is_of_the_versions_that_were_tried() -> None:
    services = compose()["services"]
    assert services["prefect"]["image"] == services["worker"]["image"]
    assert services["prefect"]["environment"].get("PREFECT_API_URL") is None, "it would take itself for a client"
    told = specs.prefect_server({}, database_url="", host="", port=1, api_url="").environment
    for name in LEASES:
        assert services["prefect"]["environment"][name] == told[name]


def test_what_compose_keeps_in_a_volume_is_the_images_users_own() -> None:
    """A volume belongs to root unless the image has the directory already."""
    made = re.findall(r"(?m)^RUN mkdir -p (.*)$", (DEPLOYMENTS / "compose" / "Dockerfile").read_text())[0]
    for service in compose()["services"].values():
        for volume in service.get("volumes", []) if "tenantatlas" in service["image"] else []:
            place = volume.split(":")[1].replace("/home/tenantatlas", "$HOME")
            assert f'"{place}"' in made


def test_no_pod_is_told_of_the_services_beside_it() -> None:
    """Kubernetes would set TENANTATLAS_HUB_PORT to the address of the service tenantatlas-hub."""
    found = list(pods())
    assert len(found) == 4
    assert [pod.get("enableServiceLinks") for pod in found] == [False] * 4


def test_a_cluster_that_restricts_its_pods_takes_ours() -> None:
    assert all(pod["securityContext"]["runAsNonRoot"] for pod in pods())
    for container in containers():
        told = container["securityContext"]
        assert (told["allowPrivilegeEscalation"], told["capabilities"]) == (False, {"drop": ["ALL"]})


def test_a_job_that_is_done_goes_so_that_an_upgrade_can_apply_it_again() -> None:
    (job,) = [document for document in documents() if document["kind"] == "Job"]
    assert job["spec"]["ttlSecondsAfterFinished"] <= 3600
    assert "kubectl delete job tenantatlas-deploy" in (DEPLOYMENTS / "kubernetes" / "tenantatlas.yaml").read_text()


def test_compose_waits_for_a_database_that_is_made_and_tries_again() -> None:
    services = compose()["services"]
    assert "-h 127.0.0.1" in services["postgres"]["healthcheck"]["test"][1], (
        "the socket answers before the databases are there"
    )
    assert {services[name]["restart"] for name in ("migrate", "deploy")} == {"on-failure:10"}


def pages() -> list[Path]:
    return [DEPLOYMENTS.parent / "README.md", *sorted((DEPLOYMENTS.parent / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_command_on_a_page_exists_with_its_options(page: Path) -> None:
    text = page.read_text().replace("\\\n", " ")
    spans = re.findall(r"`(tenantatlas [^`]+)`", " ".join(text.split()))
    for line in (*spans, *re.findall(r"(?m)^tenantatlas .+$", text)):
        words = shlex.split(line.split(" #")[0].replace("…", ""))[1:]
        if page.name == "add-a-producer.md" and words[:1] == ["restore"]:
            continue  # What the guide's producer brings; tests/acceptance/test_add_a_producer.py builds it and runs its command.
        command: Any = cli.build()
        while hasattr(command, "commands") and words and words[0].islower() and not words[0].startswith("-"):
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        if hasattr(command, "commands"):
            continue
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_every_setting_named_is_one() -> None:
    known = {f"TENANTATLAS_{name.upper()}" for name in Settings.model_fields} | READ_BY_OTHERS
    shipped = [*DEPLOYMENTS.glob("compose/*"), *DEPLOYMENTS.glob("systemd/*"), *DEPLOYMENTS.glob("kubernetes/*")]
    for path in [*shipped, *pages()]:
        assert set(re.findall(r"TENANTATLAS_[A-Z_]+", path.read_text())) <= known, path


def test_the_manifest_has_matching_labels_and_probes() -> None:
    deployments = [document for document in documents() if document["kind"] == "Deployment"]
    assert {document["metadata"]["name"] for document in deployments} == {
        "tenantatlas-worker",
        "tenantatlas-relay",
        "tenantatlas-hub",
    }
    for document in deployments:
        labels = document["spec"]["template"]["metadata"]["labels"]
        assert document["spec"]["selector"]["matchLabels"] == labels
        assert document["spec"]["replicas"] >= 2
    service = next(document for document in documents() if document["kind"] == "Service")
    assert any(document["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] for document in deployments)


def test_compose_services_depend_on_services_that_exist() -> None:
    services = compose()["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)


def test_no_process_of_compose_that_keeps_running_has_the_owners_login() -> None:
    services = compose()["services"]
    holders = {name for name, one in services.items() if "TENANTATLAS_DATABASE_URL" in one.get("environment", {})}
    assert holders == {"migrate", "logins", "cli"}
    hub = services["hub"]["environment"]
    assert [name for name in hub if name.endswith("DATABASE_URL")] == [
        "TENANTATLAS_HUB_DATABASE_URL",
        "TENANTATLAS_APP_DATABASE_URL",
    ]


def test_every_variable_compose_needs_is_in_its_example() -> None:
    text = (DEPLOYMENTS / "compose" / "compose.yaml").read_text()
    example = (DEPLOYMENTS / "compose" / "env.example").read_text()
    assert set(re.findall(r"\$\{([A-Z_]+):[?-]", text)) == set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))


def test_prefects_server_is_started_alike_everywhere() -> None:
    unit = units()["tenantatlas-prefect"]
    assert unit["ExecStart"][0].split()[1:] == ["server", "start", "--host", "127.0.0.1"]
    told = dict(pair.split("=", 1) for line in unit["Environment"] for pair in line.split())
    wanted = compose()["services"]["prefect"]["environment"]
    assert {name: told.get(name) for name in wanted if "DATABASE" not in name} == {
        name: value for name, value in wanted.items() if "DATABASE" not in name
    }


def test_units_stop_workers_late_enough_to_drain() -> None:
    worker = units()["tenantatlas-worker@"]
    assert int(worker["TimeoutStopSec"][0]) > Settings().worker_drain_seconds + 30
    assert all(unit["User"] == ["tenantatlas"] for unit in units().values())


@pytest.mark.parametrize(
    ("unit", "own"),
    [("tenantatlas-worker@", "worker-%i"), ("tenantatlas-relay@", "relay-%i"), ("tenantatlas-hub", "hub")],
)
def test_each_process_of_a_machine_has_settings_of_its_own_after_the_shared_ones(unit: str, own: str) -> None:
    shared = "/etc/tenantatlas/tenantatlas.env"
    assert units()[unit]["EnvironmentFile"] == [shared, f"-/etc/tenantatlas/{own}.env"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_itself_accepts_the_units(tmp_path: Path) -> None:
    for path in (DEPLOYMENTS / "systemd").glob("*.service"):
        # What only the machine it is meant for has: the program, the user, the guide.
        here = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", path.read_text())
        here = re.sub(r"(?m)^(User|Documentation)=.*\n", "", here)
        (tmp_path / path.name.replace("@", "@1")).write_text(here)
    units = [str(path) for path in tmp_path.iterdir()]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
