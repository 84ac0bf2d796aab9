"""Identity from a proxy, over real sockets: believed from the configured address, and from no other on the same machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from flows.registry import migration_folders
from monitoring_app.settings import HubSettings, OidcSettings, ProxySettings
from runstore.errors import BadInputError
from runstore.tenancy import Role
from tests.integration.hub.conftest import SECRET, Site
from tests.support.hub_server import HubServer
from tests.support.page_client import tab
from tests.support.ports import free_port

PROXY, OTHER = "127.0.0.1", "127.0.0.2"
PAGE = "/operations?tenant=fabrikam"


@pytest.fixture(scope="module")
def hub(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    port = free_port()
    settings = HubSettings(
        database_url=site.database_url,
        public_url=f"http://127.0.0.1:{port}",
        session_secret=SECRET,
        producer_migrations=tuple(migration_folders()),
        proxy=ProxySettings((PROXY,), sign_out_url="/oauth2/sign_out"),
    )
    for person in ("pat", "sam"):
        site.directory.grant(site.sample.fabrikam, f"{person}@proxied.example", Role.READONLY)
    with HubServer(settings, Path(tmp_path_factory.mktemp("proxied")), port) as served:
        yield served


def ask(hub: HubServer, source: str, headers: list[tuple[str, str]], path: str = PAGE) -> httpx.Response:
    transport = httpx.HTTPTransport(local_address=source)
    with httpx.Client(base_url=hub.url, transport=transport, timeout=60, trust_env=False) as client:
        return client.get(path, headers=headers)


def person(subject: str, email: str) -> list[tuple[str, str]]:
    return [("x-forwarded-user", subject), ("x-forwarded-email", email)]


PAT = person("pat-1", "pat@proxied.example")


def test_the_proxy_is_believed_and_the_same_words_from_elsewhere_are_not(hub: HubServer) -> None:
    assert ask(hub, PROXY, PAT).status_code == 200
    assert ask(hub, PROXY, PAT, "/export/runs.json?tenant=fabrikam").json()["runs"]
    assert ask(hub, PROXY, PAT, "/operations?tenant=northwind").status_code == 403
    for forged in (PAT, [*PAT, ("x-forwarded-for", PROXY), ("forwarded", f"for={PROXY}"), ("x-real-ip", PROXY)]):
        answer = ask(hub, OTHER, forged)
        assert answer.status_code == 403 and "No access yet" in answer.text and "set-cookie" not in answer.headers
        assert ask(hub, OTHER, forged, "/export/runs.json?tenant=fabrikam").status_code == 403


def test_the_proxy_has_to_name_one_person(hub: HubServer) -> None:
    for unclear in (
        [], [("x-forwarded-email", "pat@proxied.example")], [*PAT, ("x-forwarded-user", "sam-1")],
        [*PAT, ("x-forwarded-email", "sam@proxied.example")], person("", "pat@proxied.example"),
        person("p" * 400, "pat@proxied.example"), person("stranger", "nobody@proxied.example"),
    ):  # fmt: skip
        answer = ask(hub, PROXY, unclear)
        assert answer.status_code == 403 and "No access yet" in answer.text, unclear


def test_a_subject_stays_the_person_it_was_and_its_email_is_not_taken_over(hub: HubServer) -> None:
    assert ask(hub, PROXY, person("sam-1", "sam@proxied.example")).status_code == 200
    assert ask(hub, PROXY, person("sam-1", "renamed@proxied.example")).status_code == 200
    assert ask(hub, PROXY, person("sam-2", "sam@proxied.example")).status_code == 403


def test_a_cookie_of_ones_own_is_nothing_behind_a_proxy(site: Site, hub: HubServer) -> None:
    token = site.sessions.open(site.user_id("pat@proxied.example"))
    assert ask(hub, PROXY, [("cookie", f"tenantatlas={token}")]).status_code == 403


def test_the_socket_takes_the_identity_from_the_proxy_only(site: Site, hub: HubServer) -> None:
    address = f"{hub.url.replace('http', 'ws')}/_stcore/stream"
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(address, origin=hub.url, additional_headers=dict(PAT), source_address=(OTHER, 0)),  # type: ignore[arg-type]
    ):
        pass
    assert refused.value.response.status_code == 403
    with tab(hub.url, "", dict(PAT)) as page:
        shown = page.open(PAGE)
        assert not shown.failed and "Fabrikam" in shown.text
        # A sign-out of ours would end nothing: the menu leads to the proxy's.
        assert "/oauth2/sign_out" in shown.text and '"/sign-out"' not in shown.text


def test_signing_in_again_leads_back_to_the_page(hub: HubServer) -> None:
    answer = ask(hub, PROXY, PAT, "/sign-in?next=%2Foperations%3Ftenant%3Dfabrikam")
    assert answer.status_code == 303 and answer.headers["location"] == PAGE


@pytest.mark.parametrize(
    "wrong",
    [{"addresses": ()}, {"addresses": ("proxy.example",)}, {"addresses": ("10.0.0.1",), "subject_header": "x y"},
     {"addresses": ("10.0.0.1",), "sign_out_url": "javascript:x"}],
)  # fmt: skip
def test_a_proxy_that_cannot_be_meant_is_refused_with_a_sentence(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInputError, match=r"\w+ .*\.$"):
        ProxySettings(**wrong)  # type: ignore[arg-type]


def test_sign_in_at_a_provider_and_at_a_proxy_at_once_is_refused() -> None:
    with pytest.raises(BadInputError, match="twice"):
        HubSettings(
            database_url="postgresql://x@/y", session_secret=SECRET, public_url="https://atlas.example",
            oidc=OidcSettings("https://issuer.example", "hub"), proxy=ProxySettings((PROXY,)),
        )  # fmt: skip
