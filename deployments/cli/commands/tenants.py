"""`tenantatlas tenant` and `member`: the tenants, and who may do what in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.cli.call import Answer, Call, TenantOption, command
from deployments.cli.commands.tenant_credential import check_tenant, set_credential
from deployments.cli.commands.tenant_remove import remove_tenant
from deployments.cli.console import Table
from runstore.errors import BadInputError
from runstore.tenancy import Permission, Role

if TYPE_CHECKING:
    from runstore.directory import TenantView

DirectoryOption = Annotated[
    str | None, typer.Option("--directory", metavar="ENTRA_TENANT_ID", help="The Entra directory it stands for.")
]
UserOption = Annotated[str, typer.Option("--user", metavar="EMAIL", help="The person.")]


def add_commands(app: typer.Typer) -> None:
    tenants = typer.Typer(help="Tenants.", rich_markup_mode=None)
    members = typer.Typer(help="Who may do what in a tenant.", rich_markup_mode=None)
    app.add_typer(tenants, name="tenant")
    app.add_typer(members, name="member")
    for group, name, function, said in (
        (tenants, "add", add_tenant, "Add a tenant."),
        (
            tenants,
            "set",
            set_tenant,
            "Change a tenant's name, its directory, the types it leaves out, or what may be revealed.",
        ),
        (tenants, "credential", set_credential, "Say with which application, secret and cloud a tenant is read."),
        (tenants, "check", check_tenant, "Sign in to a tenant, try each type's permission, and say what is missing."),
        (tenants, "list", list_tenants, "List the tenants."),
        (tenants, "remove", remove_tenant, "Remove a tenant and all that is kept of it."),
        (members, "grant", grant, "Make someone a member, or change their role."),
        (members, "revoke", revoke, "End someone's membership."),
        (members, "list", list_members, "List a tenant's members."),
    ):
        command(group, name, help=said)(function)


def add_tenant(
    call: Call,
    slug: Annotated[str, typer.Argument(help="Lower-case letters, digits and -.")],
    name: Annotated[str, typer.Option("--name", help="The name people read.")],
    directory: DirectoryOption = None,
) -> Answer:
    call.operator_only("adds tenants")
    with call.open_store() as store:
        tenant = store.directory(admin=True).add_tenant(slug, name, directory)
    return Answer({"tenant": _as_json(tenant)}, (f"Tenant {tenant.slug} is added.",))


def set_tenant(
    call: Call,
    slug: Annotated[str, typer.Argument(help="The tenant's slug, which stays as it is.")],
    name: Annotated[str | None, typer.Option("--name", help="The name people read.")] = None,
    directory: DirectoryOption = None,
    without_types: Annotated[
        str | None,
        typer.Option(
            "--without-types",
            metavar="TYPE,TYPE",
            help="Types of policies not to ask Microsoft Graph for, such as those of a feature it does not have; '' for none.",
        ),
    ] = None,
    allow_reveal: Annotated[
        bool | None,
        typer.Option(
            "--allow-reveal/--no-allow-reveal",
            help="Whether opaque words are kept, so that owners and managers may see them; off forgets those that are kept.",
        ),
    ] = None,
) -> Answer:
    # Not even an owner: the worker's application may read other directories too, and those are others' tenants.
    call.operator_only("changes tenants")
    with call.open_store() as store:
        types = None if without_types is None else _types(without_types)
        changing = store.directory(admin=True)
        if allow_reveal is not None:
            from flows._policies.kept_words import allow_reveal as let

            let(store.admin, store.scope(slug, None), allowed=allow_reveal)
        if allow_reveal is not None and name is None and directory is None and types is None:
            tenant = changing.tenant(slug)
        else:
            tenant = changing.change_tenant(slug, name=name, directory_id=directory, without_types=types)
    told = f"Tenant {tenant.slug} is called {tenant.name}; its directory is {tenant.directory_id or 'not set'}."
    if tenant.without_types:
        told += f" It is not asked for {', '.join(tenant.without_types)}."
    if allow_reveal is not None:
        told += (
            f" Opaque words are {'kept from now on and may be revealed' if allow_reveal else 'not kept; none is left'}."
        )
    return Answer({"tenant": _as_json(tenant)}, (told,))


def list_tenants(call: Call) -> Answer:
    with call.open_store() as store:
        directory = store.directory()
        if call.acting_as is None:
            found = list(directory.tenants())
        else:
            user = directory.by_email(call.acting_as)
            found = [] if user is None else [tenant for tenant, _ in user.tenants]
    rows = [
        (tenant.slug, f"{tenant.name} (being removed)" if tenant.is_leaving else tenant.name, tenant.directory_id)
        for tenant in found
    ]
    table = Table(("Tenant", "Name", "Directory"), rows, "There are no tenants yet; `tenantatlas tenant add` adds one.")
    return Answer({"tenants": [_as_json(tenant) for tenant in found]}, (table,))


def grant(
    call: Call,
    tenant: TenantOption,
    user: UserOption,
    role: Annotated[str, typer.Option("--role", help="owner, manager, operator or readonly.")],
) -> Answer:
    try:
        wanted = Role(role.strip().lower())
    except ValueError:
        raise BadInputError(f"{role[:80]!r} is not a role: use owner, manager, operator or readonly.") from None
    with call.open_store() as store:
        email = store.directory(admin=True).grant(store.scope(tenant, call.acting_as), user, wanted)
    document = {"member": {"email": email, "role": wanted.value, "tenant": tenant}}
    return Answer(document, (f"{email} is {wanted.value} of tenant {tenant}.",))


def revoke(call: Call, tenant: TenantOption, user: UserOption) -> Answer:
    with call.open_store() as store:
        store.directory(admin=True).revoke(store.scope(tenant, call.acting_as), user)
    told = f"{user} is not a member of tenant {tenant} any more."
    return Answer({"revoked": {"email": user, "tenant": tenant}}, (told,))


def list_members(call: Call, tenant: TenantOption) -> Answer:
    with call.open_store() as store:
        scope = store.scope(tenant, call.acting_as)
        scope.require(Permission.VIEW)
        rows = [(email, role.value) for email, role in store.directory().members(scope)]
    document = {"members": [{"email": email, "role": role} for email, role in rows]}
    empty = f"Tenant {tenant} has no members yet; `tenantatlas member grant` adds one."
    return Answer(document, (Table(("Member", "Role"), rows, empty),))


def _as_json(tenant: TenantView) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": str(tenant.id), "slug": tenant.slug, "name": tenant.name}
    shown["directory"] = tenant.directory_id
    if tenant.without_types:
        shown["without_types"] = list(tenant.without_types)
    return {**shown, "leaving": True} if tenant.is_leaving else shown


def _types(text: str) -> list[str]:
    from flows._policies.types import BY_SLUG

    named = [one.strip() for one in text.split(",") if one.strip()]
    for one in named:
        if one not in BY_SLUG:
            raise BadInputError(f"{one[:80]!r} is not a type of policies; the types are {', '.join(sorted(BY_SLUG))}.")
    if BY_SLUG.keys() <= set(named):
        raise BadInputError("Every type is left out: leave at least one to ask for.")
    return named
