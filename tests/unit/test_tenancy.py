"""The roles: what each may do, cell by cell, and what a refusal says."""

from __future__ import annotations

from uuid import UUID

import pytest

from runstore.errors import ForbiddenError
from runstore.tenancy import LOCAL_OPERATOR, PREFECT, Actor, Permission, Role, TenantScope, Trigger

V, O, A = Permission.VIEW, Permission.OPERATE, Permission.ADMINISTER  # noqa: E741
ALLOWED = {Role.OWNER: {V, O, A}, Role.MANAGER: {V, O, A}, Role.OPERATOR: {V, O}, Role.READONLY: {V}}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_a_role_allows_what_the_table_says(role: Role, permission: Permission) -> None:
    expected = permission in ALLOWED[role]
    actor = Actor("ada", role)
    assert role.allows(permission) == expected
    scope = TenantScope(UUID(int=1), "acme", actor)
    if expected:
        scope.require(permission)
        return
    needed = "operator" if permission is Permission.OPERATE else "manager"
    with pytest.raises(ForbiddenError) as refused:
        scope.require(permission)
    assert str(refused.value) == (
        f"ada is {role.value} in tenant 'acme', which does not allow this: "
        f"ask an owner or manager for the role {needed}."
    )


def test_who_is_trusted_without_a_membership() -> None:
    assert (LOCAL_OPERATOR.label, LOCAL_OPERATOR.role, LOCAL_OPERATOR.user_id) == ("local operator", Role.OWNER, None)
    assert (PREFECT.label, PREFECT.role, PREFECT.user_id) == ("prefect", Role.OPERATOR, None)


def test_the_stored_words() -> None:
    """Rows, JSON and the database's checks hold these."""
    assert [one.value for one in Role] == ["owner", "manager", "operator", "readonly"]
    assert [one.value for one in Permission] == ["view", "operate", "administer"]
    assert [one.value for one in Trigger] == ["user", "schedule", "prefect"]


def test_a_scope_and_an_actor_do_not_change() -> None:
    actor = Actor("ada", Role.READONLY)
    with pytest.raises(AttributeError):
        actor.role = Role.OWNER  # type: ignore[misc]
    with pytest.raises(AttributeError):
        TenantScope(UUID(int=1), "acme", actor).slug = "globex"  # type: ignore[misc]
