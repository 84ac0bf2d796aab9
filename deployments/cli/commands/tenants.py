"""`tenantatlas tenant`, `member` and `db`: the tenants, who may do what in them, and the schema that holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.cli.call import Answer, Call, command
from deployments.cli.commands.dump import dump, restore, seal
from deployments.cli.commands.tenant_credential import check_tenant, set_credential
from deployments.cli.commands.tenant_remove import remove_tenant
from deployments.cli.console import Table
from deployments.cli.options import TenantOption
from runstore.errors import BadInputError
from runstore.tenancy import Permission, Role

if TYPE_CHECKING:
    from runstore.directory import TenantView

DirectoryOption = Annotated[
    str | None, typer.Option("--directory", metavar="ENTRA_TENANT_ID", help="The Entra directory it stands for.")
]


def add_commands(app: typer.Typer) -> None:
    """Adds the groups `tenant`, `member` and `db`."""
    tenants = typer.Typer(help="Tenants.", rich_markup_mode=None)
    members = typer.Typer(help="Who may do what in a tenant.", rich_markup_mode=None)
    database = typer.Typer(help="The run store's schema, and the whole of it in a file.", rich_markup_mode=None)
    app.add_typer(tenants, name="tenant")
    app.add_typer(members, name="member")
    app.add_typer(database, name="db")
    command(tenants, "add", help="Add a tenant.")(add_tenant)
    command(tenants, "set", help="Change a tenant's name, its directory, or the types it leaves out.")(set_tenant)
    command(tenants, "credential", help="Say with which application, secret and cloud a tenant is read.")(
        set_credential
    )
    command(tenants, "check", help="Sign in to a tenant, try each type's permission, and say what is missing.")(
        check_tenant
    )
    command(tenants, "list", help="List the tenants.")(list_tenants)
    command(tenants, "remove", help="Remove a tenant and all that is kept of it.")(remove_tenant)
    command(members, "grant", help="Make someone a member, or change their role.")(grant)
    command(members, "revoke", help="End someone's membership.")(revoke)
    command(members, "list", help="List a tenant's members.")(list_members)
    command(database, "upgrade", help="Bring the schema to this version's.")(upgrade)
    command(database, "logins", help="Make the logins that the settings name, one for each kind of process.")(logins)
    command(database, "dump", help="Write the whole run store to a file.")(dump)
    command(database, "restore", help="Read such a file into an empty run store: all of it, or nothing.")(restore)
    command(
        database, "seal", help="Encrypt what is stored in clear or under an older key; may be run again at any time."
    )(seal)
    command(database, "check", help="Say whether the schema is the one this version needs.")(check)


def add_tenant(
    call: Call,
    slug: Annotated[str, typer.Argument(help="Lower-case letters, digits and -.")],
    name: Annotated[str, typer.Option("--name", help="The name people read.")],
    directory: DirectoryOption = None,
) -> Answer:
    from runstore.database import DatabaseRole
    from runstore.directory import Directory

    call.operator_only("adds tenants")
    with call.open_store() as store:
        tenant = Directory(store.database(DatabaseRole.ADMIN)).add_tenant(slug, name, directory)
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
) -> Answer:
    from runstore.database import DatabaseRole
    from runstore.directory import Directory

    # Not even an owner: the worker's application may read other directories too, and those are others' tenants.
    call.operator_only("changes tenants")
    with call.open_store() as store:
        tenant = Directory(store.database(DatabaseRole.ADMIN)).change_tenant(
            slug,
            name=name,
            directory_id=directory,
            without_types=None if without_types is None else _types(without_types),
        )
    told = f"Tenant {tenant.slug} is called {tenant.name}; its directory is {tenant.directory_id or 'not set'}."
    if tenant.without_types:
        told += f" It is not asked for {', '.join(tenant.without_types)}."
    return Answer({"tenant": _as_json(tenant)}, (told,))


def list_tenants(call: Call) -> Answer:
    from runstore.database import DatabaseRole
    from runstore.directory import Directory

    with call.open_store() as store:
        directory = Directory(store.database(DatabaseRole.APP))
        if call.acting_as is None:
            found = list(directory.tenants())
        else:
            user = directory.by_email(call.acting_as)
            found = [] if user is None else [tenant for tenant, _ in user.tenants]
    document = {"tenants": [_as_json(tenant) for tenant in found]}
    rows = [
        (tenant.slug, f"{tenant.name} (being removed)" if tenant.is_leaving else tenant.name, tenant.directory_id)
        for tenant in found
    ]
    empty = "There are no tenants yet; `tenantatlas tenant add` adds one."
    return Answer(document, (Table(("Tenant", "Name", "Directory"), rows, empty),))


def grant(
    call: Call,
    tenant: TenantOption,
    user: Annotated[str, typer.Option("--user", metavar="EMAIL", help="The person.")],
    role: Annotated[str, typer.Option("--role", help="owner, manager, operator or readonly.")],
) -> Answer:
    from runstore.database import DatabaseRole
    from runstore.directory import Directory

    wanted = _role(role)
    with call.open_store() as store:
        scope = store.scope(tenant, call.acting_as)
        member = Directory(store.database(DatabaseRole.ADMIN)).grant(scope, user, wanted)
    document = {"member": {"email": member.email, "role": member.role.value, "tenant": tenant}}
    return Answer(document, (f"{member.email} is {member.role.value} of tenant {tenant}.",))


def revoke(
    call: Call,
    tenant: TenantOption,
    user: Annotated[str, typer.Option("--user", metavar="EMAIL", help="The person.")],
) -> Answer:
    from runstore.database import DatabaseRole
    from runstore.directory import Directory

    with call.open_store() as store:
        scope = store.scope(tenant, call.acting_as)
        Directory(store.database(DatabaseRole.ADMIN)).revoke(scope, user)
    return Answer(
        {"revoked": {"email": user, "tenant": tenant}}, (f"{user} is no member of tenant {tenant} any more.",)
    )


def list_members(call: Call, tenant: TenantOption) -> Answer:
    from runstore.database import DatabaseRole
    from runstore.directory import Directory

    with call.open_store() as store:
        scope = store.scope(tenant, call.acting_as)
        scope.require(Permission.VIEW)
        found = Directory(store.database(DatabaseRole.APP)).members(scope)
    document = {"members": [{"email": member.email, "role": member.role.value} for member in found]}
    rows = [(member.email, member.role.value) for member in found]
    empty = f"Tenant {tenant} has no members yet; `tenantatlas member grant` adds one."
    return Answer(document, (Table(("Member", "Role"), rows, empty),))


def upgrade(call: Call) -> Answer:
    from deployments.encryption import report
    from deployments.store_access import open_store, producer_migrations
    from runstore import migrations
    from runstore.database import DatabaseRole

    call.operator_only("changes the schema")
    with open_store(call.settings, verify=False) as store:
        migrations.upgrade(store.url, producer_migrations())
        revisions = sorted(migrations.found(store.url))
        unknown = sorted(migrations.unknown(store.url, producer_migrations()))
        told, _ = report(store.database(DatabaseRole.ADMIN))
    said = "The schema is up to date."
    if unknown:
        said = f"The schema is newer than this version ({', '.join(unknown)}) and stays as it is; this version works on it."
    return Answer({"revisions": revisions}, (said, *told))


def logins(call: Call) -> Answer:
    from deployments.store_access import open_store
    from runstore.database import DatabaseRole
    from runstore.logins import ensure_login

    call.operator_only("makes logins")
    settings = call.settings
    named = {
        DatabaseRole.HUB: settings.hub_database_url,
        DatabaseRole.APP: settings.app_database_url,
        DatabaseRole.RELAY: settings.relay_database_url,
        DatabaseRole.WORKER: settings.worker_database_url,
    }
    with open_store(settings) as store:
        made = [
            (ensure_login(store.url, address.get_secret_value(), role), role.value)
            for role, address in named.items()
            if address is not None
        ]
    empty = "The settings name no logins, so one login serves every process."
    document = {"logins": [{"login": login, "role": role} for login, role in made]}
    return Answer(document, (Table(("Login", "Role"), made, empty),))


def check(call: Call) -> Answer:
    from deployments.encryption import report
    from deployments.store_access import open_store, producer_migrations
    from runstore import migrations
    from runstore.database import DatabaseRole
    from runstore.migrations import verify_schema

    with open_store(call.settings, verify=False) as store:
        verify_schema(store.url, producer_migrations())
        revisions = sorted(migrations.found(store.url))
        told, _ = report(store.database(DatabaseRole.ADMIN))
    return Answer({"revisions": revisions}, ("The schema is the one this version needs.", *told))


def _as_json(tenant: TenantView) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": str(tenant.id),
        "slug": tenant.slug,
        "name": tenant.name,
        "directory": tenant.directory_id,
    }
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


def _role(text: str) -> Role:
    try:
        return Role(text.strip().lower())
    except ValueError:
        raise BadInputError(f"{text[:80]!r} is no role: use owner, manager, operator or readonly.") from None
