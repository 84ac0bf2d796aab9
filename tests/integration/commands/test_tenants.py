"""`tenantatlas tenant set`: a name or a directory put right, by whoever may add tenants."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from flows._policies.types import BY_SLUG
from runstore.schema import AuditEntry
from runstore.tenancy import Role
from tests.conftest import Store
from tests.support.command_line import CommandLine

DIRECTORY = str(UUID(int=7))
SET = ("tenant", "set", "acme")


def tenants(tenantatlas: CommandLine) -> dict[str, tuple[str, str | None]]:
    found: list[dict[str, Any]] = tenantatlas("tenant", "list", "--json").document["tenants"]
    return {one["slug"]: (one["name"], one["directory"]) for one in found}


def test_what_is_given_changes_and_the_rest_stays(tenantatlas: CommandLine, store: Store) -> None:
    store.tenant("globex")
    changed = tenantatlas(*SET, "--directory", DIRECTORY, "--json").document["tenant"]
    assert changed == {"id": str(store.tenant().tenant_id), "slug": "acme", "name": "Acme", "directory": DIRECTORY}
    said = tenantatlas(*SET, "--name", "Acme Ltd\x1b[31m")
    assert said.code == 0 and "\x1b" not in said.out
    assert tenants(tenantatlas) == {"acme": ("Acme Ltd\x1b[31m", DIRECTORY), "globex": ("Globex", None)}
    assert tenantatlas(*SET, "--name", "Acme", "--directory", "acme.onmicrosoft.com").code == 0
    assert tenants(tenantatlas)["acme"] == ("Acme", "acme.onmicrosoft.com")


def test_types_are_left_out_and_asked_for_again(tenantatlas: CommandLine, store: Store) -> None:
    left_out = tenantatlas(*SET, "--without-types", "app, device_category,app", "--json")
    assert left_out.code == 0 and left_out.document["tenant"]["without_types"] == ["app", "device_category"]
    assert "not asked for app, device_category" in tenantatlas(*SET, "--name", "Acme").out
    every = ",".join(BY_SLUG)
    for wrong, said in (("app,nothing", "'nothing' is not a type"), (every, "leave at least one")):
        refused = tenantatlas(*SET, "--without-types", wrong)
        assert (refused.code, refused.err.count("\n")) == (2, 1) and said in refused.err
    assert "without_types" not in tenantatlas(*SET, "--without-types", "", "--json").document["tenant"]


def test_a_change_is_in_the_audit_log(tenantatlas: CommandLine, store: Store) -> None:
    tenantatlas(*SET, "--directory", DIRECTORY)
    with store.admin.transaction(store.tenant()) as connection:
        (entry,) = connection.execute(select(*AuditEntry.__table__.columns)).all()
    assert (entry.verb, entry.actor, entry.detail) == ("tenant.change", "local operator", {"directory_id": DIRECTORY})


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (SET, 2, "--name"),
        ((*SET, "--name", " "), 2, "1 to 200"),
        ((*SET, "--directory", "not a directory"), 2, "Entra tenant id"),
        ((*SET, "--directory", ""), 2, "Entra tenant id"),
        (("tenant", "set", "nobody", "--name", "X"), 4, "nobody"),
        ((*SET, "--name", "X", "--as", "olivia@acme.example"), 3, "--as"),
    ],
)
def test_what_cannot_be_changed_is_one_sentence_and_changes_nothing(
    tenantatlas: CommandLine, store: Store, arguments: tuple[str, ...], code: int, said: str
) -> None:
    store.member(Role.OWNER, email="olivia@acme.example")
    outcome = tenantatlas(*arguments)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1)
    assert said in outcome.err
    assert tenants(tenantatlas) == {"acme": ("Acme", None)}
