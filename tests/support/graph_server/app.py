"""Graph over HTTP: token endpoint, lists in pages, single policies, parts, `$batch`, and everything that goes wrong."""

from __future__ import annotations

import asyncio
import base64
import copy
import gzip
import json
import random
import re
import uuid
from collections import Counter
from dataclasses import replace
from datetime import datetime
from email.utils import formatdate
from itertools import pairwise
from time import time
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.support.graph_server.directory import CANARY, DOMAIN, Counted, Directory
from tests.support.graph_server.faults import Faults
from tests.support.graph_server.policies import INNER, KINDS, TYPED, Body, Kind, make_policies

Part = tuple[int, dict[str, str], Any]
SHAPES: dict[str, Any] = {
    "null_list": {"value": None},
    "no_list": {"@odata.context": "x"},
    "object_list": {"value": {"id": "x"}},
    "error_inside": {"error": {"code": "InternalServerError", "message": CANARY}},
    "error_text": {"error": CANARY},
}
"""Answers with status 200 that hold no list and no policy."""
ODD_ELEMENTS: dict[str, Any] = {"null_element": None, "text_element": "x", "list_element": [{"id": "x"}]}
"""What a list holds beside objects."""
SCOPES = "Application must have one of the following scopes: LicenseAssignment.Read.All, Policy.Read.All"
REFUSALS: dict[str, tuple[int, str, str, dict[str, str]]] = {
    "wait_an_hour": (429, "TooManyRequests", "", {"Retry-After": "3600"}),
    "wait_301": (503, "ServiceUnavailable", "", {"Retry-After": "301"}),
    **{
        f"wait_{kind}": (429, "TooManyRequests", "", {"Retry-After": value})
        for kind, value in {
            "negative": "-5", "words": "soon", "past": "Thu, 01 Jan 1970 00:00:00 GMT", "billion": "1e9",
            "far": "Fri, 31 Dec 2999 23:59:59 GMT", "several": "7200, 1", "endless": "inf",
        }.items()
    },
    "redirect": (302, "Found", "", {"Location": f"https://graph.evil.example/{CANARY}"}),
    "precondition": (412, "PreconditionFailed", "", {}),
    "locked": (423, "Locked", "", {}),
    "legal": (451, "UnavailableForLegalReasons", "", {}),
    "unlicensed": (400, "BadRequest", "Request not applicable to target tenant.", {}),
    "not_premium": (403, "AccessDenied", "The tenant is non-premium.", {}),
    "b2c": (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "Tenant has no premium license.", {}),
    "no_scope": (403, "Forbidden", f"Application is not authorized to perform this operation. {SCOPES}", {}),
    "no_scope_in_token": (403, "AccessDenied", "Required scopes are missing in the token.", {}),
    "no_privilege": (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.", {}),
    "no_consent": (403, "Forbidden", "An administrator of the tenant has not consented to the application.", {}),
    "no_words": (403, "UnknownError", "", {}),
    "blocked": (403, "AccessDenied", "Access has been blocked by Conditional Access policies.", {}),
    "no_segment": (400, "BadRequest", "Resource not found for the segment 'deviceManagement'.", {}),
    "no_resource": (404, "ResourceNotFound", "Resource not found for the segment 'deviceManagement'.", {}),
}  # fmt: skip
"""How Graph refuses in words of its own: status, code, words, headers."""
BOMB = gzip.compress(b'{"value": ["' + b" " * 70_000_000, 1)
DEFINITIONS = (
    "beta/deviceManagement/configurationSettings/",
    "beta/deviceManagement/settingDefinitions/",
    "beta/deviceManagement/configurationCategories/",
)
LOGS = {"v1.0/deviceManagement/auditEvents": "intune", "v1.0/auditLogs/directoryAudits": "directory_logs"}


def make_app(directory: Directory) -> Starlette:
    """The server of one directory, sign-in and Graph alike."""
    return Graph(directory).app


class Graph:
    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.rng = random.Random(1)
        self.paths = {kind.path: name for name, kind in KINDS.items()}
        self.shown_tokens: Counter[str] = Counter()
        self.app = Starlette(
            routes=[
                Route("/_control", self.control, methods=["POST"]),
                Route("/{tenant}/v2.0/.well-known/openid-configuration", self.openid),
                Route("/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"]),
                Route("/_identity", self.identity),
                Route("/{version}/$batch", self.batch, methods=["POST"]),
                Route("/v1.0/directoryObjects/getByIds", self.objects, methods=["POST"]),
                Route("/{path:path}", self.single),
            ]
        )

    # Sign-in

    async def openid(self, request: Request) -> Response:
        tenant = request.path_params["tenant"]
        if tenant not in (self.directory.directory_id, DOMAIN):
            words = f"AADSTS90002: Tenant '{tenant}' not found near {CANARY}."
            return JSONResponse({"error": "invalid_tenant", "error_description": words, "error_codes": [90002]}, 400)
        base = f"{request.url.scheme}://{request.url.netloc}/{tenant}"
        return JSONResponse(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
            }
        )

    async def token(self, request: Request) -> Response:
        if self.directory.sign_in:
            # A number of Entra's own, or the status of a sign-in that is down.
            code = self.directory.sign_in
            if code < 1000:
                return Response("<html>Down</html>", code, media_type="text/html")
            words = f"AADSTS{code}: Refused near {CANARY}."
            return JSONResponse(
                {"error": "unauthorized_client", "error_description": words, "error_codes": [code]}, 400
            )
        form = parse_qs((await request.body()).decode())
        given = {name: values[0] for name, values in form.items()}
        known = given.get("client_id") == self.directory.client_id
        secret = given.get("client_secret") == self.directory.client_secret or "client_assertion" in given
        if not known or not secret:
            words = f"AADSTS7000215: Invalid client secret provided for {CANARY}."
            answer = {"error": "invalid_client", "error_description": words, "error_codes": [7000215]}
            return JSONResponse(answer, 401)
        return JSONResponse(self.directory.issue())

    async def identity(self, request: Request) -> Response:
        """A platform's endpoint for managed identities: it is asked for no directory and tells no other's."""
        issued = self.directory.issue()
        resource = request.query_params["resource"]
        return JSONResponse({**issued, "expires_on": int(time()) + issued["expires_in"], "resource": resource})

    # Graph

    async def single(self, request: Request) -> Response:
        counted = self.directory.counted
        counted.requests += 1
        self.directory.at_once += 1
        counted.most_at_once = max(counted.most_at_once, self.directory.at_once)
        try:
            await asyncio.sleep(self.directory.latency)
            address = unquote(request.url.path.lstrip("/"))
            if request.url.query:
                address += "?" + unquote(request.url.query)
            fault = self.directory.faults.pick(address, whole=True, listing=self.is_list(address))
            self.eventual = request.headers.get("ConsistencyLevel") == "eventual"
            status, headers, body = self.read(address, self.signed_in(request), fault, self.base(request))
            return await self.send(status, headers, body, fault)
        finally:
            self.directory.at_once -= 1

    async def objects(self, request: Request) -> Response:
        """What the ids belong to: groups, but for those that were deleted; what was not renamed is called by its id's beginning."""
        address = request.url.path.lstrip("/")
        self.directory.counted.requests += 1
        fault = self.directory.faults.pick(address, whole=True, listing=False)
        asked = (await request.json())["ids"]
        if not self.signed_in(request) or fault or len(asked) > 1000:
            status, headers, body = self.read(address, self.signed_in(request), fault, self.base(request))
            return await self.send(status, headers, body, fault)
        found = [
            {"@odata.type": "#microsoft.graph.group", "id": one, "displayName": self.named(one)}
            for one in asked
            if one not in self.directory.deleted
        ]
        return await self.send(200, {}, {"value": found}, None)

    def named(self, identifier: str) -> str:
        return self.directory.renamed.get(identifier, f"Called {identifier.replace('-', '')[:12]}")

    async def batch(self, request: Request) -> Response:
        counted = self.directory.counted
        counted.requests += 1
        self.directory.at_once += 1
        counted.most_at_once = max(counted.most_at_once, self.directory.at_once)
        try:
            await asyncio.sleep(self.directory.latency)
            signed_in = self.signed_in(request)
            fault = self.directory.faults.pick_whole_batch()
            if not signed_in or fault == "unauthorized":
                return await self.send(*self.error(401, "InvalidAuthenticationToken"), fault)
            if fault in ("throttled", "unavailable"):
                return await self.send(*self.failing(fault), fault)
            quirks = self.directory.quirks
            if "envelopes_refused" in quirks:
                return Response("<html>Bad gateway</html>", self.rng.choice([400, 502]), media_type="text/html")
            if "envelopes_empty" in quirks:
                return await self.send(200, {}, {"responses": None}, None)
            if "envelopes_cut" in quirks:
                return await self.send(200, {}, {"responses": []}, "cut_off")
            asked = (await request.json())["requests"]
            ids = [each["id"] for each in asked]
            if len(asked) > (5 if "envelopes_small" in quirks else 20) or len(set(ids)) < len(ids):
                return await self.send(*self.error(413 if "envelopes_small" in quirks else 400, "BadRequest"), None)
            version = request.path_params["version"]
            parts: list[Body] = []
            for each in asked:
                address = f"{version}{unquote(each['url'])}"
                part_fault = self.directory.faults.pick(address, whole=False, listing=self.is_list(address))
                if part_fault == "dropped":
                    counted.reads += 1
                    continue
                self.eventual = each.get("headers", {}).get("ConsistencyLevel") == "eventual"
                status, headers, body = self.read(address, True, part_fault, self.base(request))
                if part_fault == "html":
                    body = base64.b64encode(b"<html>Welcome</html>").decode()
                if part_fault == "no_content":
                    status = 204
                if part_fault in ("truncated", "no_content", "gzip_cut", "gzip_bomb"):
                    body = None
                parts.append({"id": each["id"], "status": status, "headers": headers, "body": body})
            if "envelopes_doubled" in quirks:
                # Another's answer under the id of each, and one that nobody asked for.
                parts += [{**other, "id": part["id"]} for part, other in pairwise(parts)]
                parts.append({**parts[0], "id": "99"})
            self.rng.shuffle(parts)
            return await self.send(200, {}, {"responses": parts}, fault)
        finally:
            self.directory.at_once -= 1

    def read(self, address: str, signed_in: bool, fault: str | None, base: str) -> Part:
        status, headers, body = self.answer(address, signed_in, fault, base)
        if fault is not None and status == 200 and isinstance(body, dict) and isinstance(body.get("value"), list):
            # A copy: what the server holds is the truth.
            body = copy.deepcopy(body)
            self.twist(fault, f"{base}/{address}", body, body["value"])
        elif fault == "another" and status == 200:
            body = {**body, "id": str(uuid.UUID(int=self.rng.getrandbits(128), version=4))}
        return status, headers, body

    def twist(self, fault: str, link: str, body: Body, rows: list[Any]) -> None:
        """Makes of a page what the fault says of it."""
        if fault == "links_to_itself":
            body["@odata.nextLink"] = link
        elif fault == "links_elsewhere":
            body["@odata.nextLink"] = f"https://graph.evil.example/{CANARY}"
        elif fault == "links_in_a_ring" and "$skiptoken" in link:
            body["@odata.nextLink"] = re.sub(r"&?\$skiptoken=[^&]*", "", link)
        elif fault == "links_to_half":
            body["@odata.nextLink"] = link + "?\ud83d"
        elif fault == "links_relative":
            body["@odata.nextLink"] = link.partition("/beta")[1] + link.partition("/beta")[2] + "?$skip=1"
        elif fault == "links_to_number":
            body["@odata.nextLink"] = 7
        elif fault == "counts_more":
            body["@odata.count"] = len(rows) + 1000
        elif fault == "counts_the_page":
            body["@odata.count"] = len(rows)
        elif fault == "ends_early" and "@odata.nextLink" in body:
            del body["@odata.nextLink"]
            body["@odata.count"] = len(rows) + 1
        elif fault == "repeats":
            rows.extend(rows[:1])
        elif fault == "twins":
            rows.extend({**row, "displayName": "Another", "description": "Another"} for row in rows[:1])
        elif fault == "number_id":
            rows[:1] = [{**row, "id": 7} for row in rows[:1]]
        elif fault == "null_part":
            for row in rows:
                row |= {"assignments": None} if "assignments" in row else {}
        elif fault == "part_goes_on":
            for row in rows:
                more = f"{link.partition('?')[0]}/{row['id']}/assignments?$skiptoken=x"
                row |= {"assignments": row["assignments"][:1], "assignments@odata.nextLink": more}
        elif fault in ODD_ELEMENTS:
            rows.append(ODD_ELEMENTS[fault])
        elif fault == "unassigned":
            for row in rows:
                row.pop("assignments", None)
        elif fault == "nameless":
            rows[:1] = [{key: value for key, value in row.items() if key != "id"} for row in rows[:1]]
        elif fault == "inner_absent":
            for row in rows:
                for inner in ("definition", "scheduledActionConfigurations"):
                    row.pop(inner, None)
                for action in row.get("scheduledActionsForRule", []):
                    action.pop("scheduledActionConfigurations", None)

    def answer(self, address: str, signed_in: bool, fault: str | None, base: str) -> Part:
        counted = self.directory.counted
        counted.reads += 1
        path, _, query = address.partition("?")
        options = {name: value for name, _, value in (each.partition("=") for each in _options(query))}
        kind_path, rest = self.split(path)
        lane = KINDS[self.paths.get(kind_path, "compliance")].lane if kind_path in self.paths else "intune"
        lane = LOGS.get(path, lane)
        pause = self.directory.over_limit(lane)
        if pause is not None:
            return self.error(429, "TooManyRequests", {"Retry-After": str(int(pause) + 1)})
        if not signed_in or fault == "unauthorized":
            return self.error(401, "InvalidAuthenticationToken")
        if fault in ("throttled", "throttled_bare", "throttled_date", "unavailable", "unavailable_wait"):
            return self.failing(fault)
        if fault == "wait_ten_hours":
            at = formatdate(self.now() + 36_000, usegmt=True)
            return self.error(429, "TooManyRequests", {"Retry-After": at})
        if fault == "forbidden":
            return self.error(403, "Forbidden")
        if fault in ("not_found", "gone"):
            return self.error(404 if fault == "not_found" else 410, "ResourceNotFound")
        if fault in REFUSALS:
            status, code, words, headers = REFUSALS[fault]
            return self.error(status, code, headers, words)
        if fault in SHAPES:
            return 200, {}, SHAPES[fault]
        if "$expand" in options and self.directory.refuse_expansion:
            return self.error(self.directory.refuse_expansion, "NotImplemented")
        if path in LOGS:
            counted.list_reads += 1
            return self.log(path, options, base)
        if kind_path in TYPED:
            mixed = KINDS["app_protection"]
            if rest:
                return self.item(mixed, rest, options, base, path, typed=TYPED[kind_path])
            counted.list_reads += 1
            own = replace(mixed, hidden=(), expandable=mixed.item_expandable)
            return self.list("app_protection", own, path, options, base, fault, TYPED[kind_path])
        if path == "v1.0/servicePrincipals":
            asked = re.findall(r"'([^']*)'", options["$filter"])
            named = [{"appId": one, "displayName": self.named(one)} for one in asked if one in self.directory.renamed]
            return 200, {}, {"value": named}
        if path.startswith("v1.0/groups/"):
            return self.group(path.split("/")[2:], options)
        if path.startswith(DEFINITIONS):
            return 200, {}, self.definition(path.rsplit("/", 1)[-1])
        if kind_path not in self.paths:
            return self.error(400, "BadRequest")
        kind = KINDS[self.paths[kind_path]]
        if kind.single:
            counted.single_reads += 1
            bodies = self.directory.policies.get(self.paths[kind_path], {})
            body = next(iter(bodies.values()), None)
            return self.error(404, "ResourceNotFound") if body is None else (200, {}, body)
        if not rest:
            counted.list_reads += 1
            return self.list(self.paths[kind_path], kind, path, options, base, fault)
        return self.item(kind, rest, options, base, path)

    def list(
        self,
        name: str,
        kind: Kind,
        path: str,
        options: dict[str, str],
        base: str,
        fault: str | None,
        typed: str | None = None,
    ) -> Part:
        expand = _top_names(options.get("$expand", ""))
        hollow = "empty_expansions" in self.directory.quirks and name == "endpoint_security_intent"
        if [each for each in expand if each not in kind.expandable and not hollow]:
            return self.error(400, "BadRequest")
        offset, empty = _token(options.get("$skiptoken"))
        rows = [
            self.shown(kind, body, expand) | ({"assignments": []} if hollow and expand else {})
            for body in self.directory.policies.get(name, {}).values()
            if typed in (None, body.get("@odata.type"))
        ]
        return self.page(rows, offset, path, options, base, empty_first=fault == "empty_page" and not empty)

    def item(
        self, kind: Kind, rest: list[str], options: dict[str, str], base: str, path: str, typed: str | None = None
    ) -> Part:
        counted = self.directory.counted
        counted.detail_reads += 1
        counted.by_policy[rest[0]] = counted.by_policy.get(rest[0], 0) + 1
        name = self.paths[kind.path]
        body = self.directory.policies.get(name, {}).get(rest[0])
        if body is None or (typed and body.get("@odata.type") != typed):
            return self.error(404, "ResourceNotFound")
        expand = _top_names(options.get("$expand", ""))
        mixed = kind.path.endswith("managedAppPolicies") and typed is None
        if len(rest) == 1:
            allowed = () if mixed else kind.item_expandable
            if [each for each in expand if each not in allowed]:
                return self.error(400, "BadRequest")
            whole = {key: value for key, value in body.items() if key not in kind.parts or key in expand}
            if mixed:
                whole = {key: value for key, value in whole.items() if key not in kind.hidden}
            if "empty_expansions" in self.directory.quirks and "assignments" in expand:
                whole["assignments"] = []
            return 200, {}, {"@odata.context": f"{base}/{path}/$entity", **whole}
        if rest[1] not in kind.parts or mixed:
            return self.error(400, "BadRequest")
        rows: Any = body.get(rest[1], [])
        name = rest[1]
        for owner_id, inner in zip(rest[2::2], rest[3::2], strict=False):
            owner = next((row for row in rows if row["id"] == owner_id), None)
            if owner is None or inner not in INNER.get(name, ()):
                return self.error(404, "ResourceNotFound")
            rows, name = owner[inner], inner
        if isinstance(rows, dict):
            return 200, {}, {"@odata.context": f"{base}/{path}/$entity", **rows}
        rows = [self.nested(name, row, options.get("$expand", "")) for row in rows]
        offset, _ = _token(options.get("$skiptoken"))
        return self.page(rows, offset, path, options, base)

    def nested(self, name: str, row: Body, expand: str) -> Body:
        """An element as a part's list shows it: with those of its own parts that are expanded."""
        asked = _top_names(expand)
        shown = {key: value for key, value in row.items() if key not in INNER.get(name, ()) or key in asked}
        for inner in asked:
            if isinstance(shown.get(inner), list):
                more = re.search(rf"{inner}\(\$expand=([^)]*)\)", expand)
                empty = "empty_expansions" in self.directory.quirks
                shown[inner] = (
                    [] if empty else [self.nested(inner, each, more[1] if more else "") for each in row[inner]]
                )
        return shown

    def group(self, rest: list[str], options: dict[str, str]) -> Part:
        """A group as far as it is selected, or a page of its members with their number, which takes a header to be counted."""
        found = self.directory.groups.get(rest[0])
        if found is None or rest[0] in self.directory.deleted:
            return self.error(404, "Request_ResourceNotFound")
        if rest[1:] == ["members"]:
            if options.get("$count") != "true" or not self.eventual:
                return self.error(400, "Request_UnsupportedQuery")
            return 200, {}, {"@odata.count": found["members"], "value": [{"id": "1"}]}
        body = {"id": rest[0], "displayName": self.named(rest[0]), "groupTypes": [], "membershipRule": None, **found}
        return 200, {}, {name: body[name] for name in options["$select"].split(",") if name in body}

    def definition(self, identifier: str) -> Body:
        self.directory.counted.definitions += 1
        words = identifier.removeprefix("device_vendor_msft_policy_config_").replace("_", " ").title()
        options = [
            {"itemId": f"{identifier}_{one}", "displayName": word} for one, word in enumerate(("Audit", "Block"))
        ]
        return {"id": identifier, "displayName": f"Turn On {words}", "categoryId": "kind", "options": options}

    def log(self, path: str, options: dict[str, str], base: str) -> Part:
        asked = re.fullmatch(
            r"activityDateTime gt (\S+?Z)( and loggedByService eq 'Conditional Access')?", options["$filter"]
        )
        if asked is None:
            return self.error(400, "BadRequest")
        after = datetime.fromisoformat(asked[1])
        rows = [
            event
            for event in self.directory.logs.get(path, [])
            if datetime.fromisoformat(event["activityDateTime"]) > after
            and (not asked[2] or event.get("loggedByService") == "Conditional Access")
        ]
        offset, _ = _token(options.get("$skiptoken"))
        return self.page(rows, offset, path, options, base)

    def page(
        self,
        rows: list[Body],
        offset: int,
        path: str,
        options: dict[str, str],
        base: str,
        empty_first: bool = False,
    ) -> Part:
        size = self.directory.page_size
        end = offset if empty_first else offset + size
        body: Body = {"@odata.context": f"{base}/$metadata#{path}", "value": rows[offset:end]}
        if end < len(rows) or empty_first:
            token = base64.urlsafe_b64encode(json.dumps([end, empty_first]).encode()).decode()
            kept = [f"{key}={value}" for key, value in options.items() if key != "$skiptoken"]
            body["@odata.nextLink"] = f"{base}/{path}?{'&'.join([*kept, '$skiptoken=' + token])}"
        return 200, {}, body

    def shown(self, kind: Kind, body: Body, expand: list[str]) -> Body:
        left_out = {*kind.hidden, *(part for part in kind.parts if part not in expand)}
        return {key: value for key, value in body.items() if key not in left_out}

    def split(self, path: str) -> tuple[str, list[str]]:
        segments = path.split("/")
        for size in (4, 3):
            head = "/".join(segments[:size])
            if head in self.paths or head in TYPED:
                return head, segments[size:]
        return path, []

    def is_list(self, address: str) -> bool:
        return not self.split(address.partition("?")[0])[1]

    def signed_in(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.shown_tokens[given] += 1
        is_first = self.directory.counted.tokens == 1
        worn = is_first and "token_wears_out" in self.directory.quirks and self.shown_tokens[given] > 20
        return given in self.directory.tokens and not worn

    @staticmethod
    def base(request: Request) -> str:
        return f"{request.url.scheme}://{request.url.netloc}"

    def now(self) -> float:
        return time() + 3600 * ("clock_ahead" in self.directory.quirks)

    # Trouble

    def failing(self, fault: str) -> Part:
        if fault == "throttled":
            return self.error(429, "TooManyRequests", {"Retry-After": "1"})
        if fault == "throttled_bare":
            return self.error(429, "TooManyRequests")
        if fault == "throttled_date":
            return self.error(429, "TooManyRequests", {"retry-after": formatdate(self.now() + 1, usegmt=True)})
        if fault == "unavailable_wait":
            return self.error(503, "ServiceUnavailable", {"Retry-After": "1"})
        return self.error(self.rng.choice([500, 502, 503, 504]), "UnknownError")

    def error(self, status: int, code: str, headers: dict[str, str] | None = None, words: str = "") -> Part:
        request_id = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        message = {
            "_version": 3,
            "Message": f"{words} Refused for tenant {CANARY} - Operation ID: {request_id}",
            "CustomApiErrorPhrase": "",
            "Url": f"https://fef.msua06.manage.example/DeviceConfiguration/{CANARY}/policies",
        }
        error = {"code": code, "message": json.dumps(message), "innerError": {"request-id": request_id}}
        return status, {"request-id": request_id, **(headers or {})}, {"error": error}

    async def send(self, status: int, headers: dict[str, str], body: Any, fault: str | None) -> Response:
        content = json.dumps(body).encode()
        if "lone_surrogates" in self.directory.quirks:
            # As JSON writes half of a pair; the policy named so is the one that cannot be read.
            content = content.replace(b"SURROGATE", b"\\ud83d")
        self.directory.counted.bytes_sent += len(content)
        headers = {**headers, "Date": formatdate(self.now(), usegmt=True)}
        kind: dict[str, Any] = {"media_type": "application/json", "headers": headers, "status_code": status}
        if fault == "slow":
            await asyncio.sleep(self.directory.faults.slow_seconds)
        if fault == "html":
            return Response("<html>Welcome</html>", 200, media_type="text/html")
        if fault == "no_content":
            return Response(status_code=204)
        if fault == "plain_text":
            kind["media_type"] = "text/plain"
        if fault == "bom":
            content = b"\xef\xbb\xbf" + content
        if fault == "utf16":
            content = content.decode().encode("utf-16")
        if fault == "no_number":
            # Python's own writing, and its reader's: JSON has no such number.
            row = b'{"id": "nan", "displayName": "\\u00e9", "description": NaN}'
            content = content.replace(b'"value": [', b'"value": [' + row + b", ", 1)
        if fault == "trickle":

            async def drops():
                for _ in range(100):
                    yield b" "
                    await asyncio.sleep(0.05)
                yield content

            return StreamingResponse(drops(), status, headers)
        if fault == "said_twice":
            content = b'{"value": null, "id": null, ' + content[1:]
        if fault == "gzip_bomb":
            return Response(BOMB, 200, {"Content-Encoding": "gzip"}, "application/json")
        if fault == "gzip_cut":
            packed = gzip.compress(content)
            return Response(packed[: len(packed) // 2], 200, {"Content-Encoding": "gzip"}, "application/json")
        if fault == "truncated":
            return Response(content[: len(content) // 2], **kind)
        if fault == "cut_off":

            async def half():
                yield content[: len(content) // 2]
                raise ConnectionAbortedError

            return StreamingResponse(half(), status, {**headers, "Content-Length": str(len(content))})
        return Response(content, **kind)

    # Control

    async def control(self, request: Request) -> Response:
        order = await request.json()
        directory = self.directory
        for name in (
            "latency",
            "page_size",
            "limits",
            "refuse_expansion",
            "quirks",
            "token_seconds",
            "client_secret",
            "sign_in",
            "deleted",
            "renamed",
            "groups",
        ):
            if name in order:
                setattr(directory, name, order[name])
        if "faults" in order:
            directory.faults = Faults.from_json(order["faults"])
        directory.logs |= order.get("logs", {})
        if "make" in order:
            directory.policies = make_policies(**order["make"])
        if "expire_tokens" in order:
            directory.tokens.clear()
        for name, policy_id in order.get("delete", []):
            del directory.policies[name][policy_id]
        for name, body in order.get("put", []):
            directory.policies.setdefault(name, {})[body.get(KINDS[name].id_property, name)] = body
        answer: dict[str, Any] = {"counted": vars(directory.counted), "injected": directory.faults.injected}
        if order.get("reset"):
            directory.counted = Counted()
            directory.forget_reads()
        if order.get("dump"):
            answer["policies"] = directory.policies
        return JSONResponse(answer)


def _options(query: str) -> list[str]:
    """The options of a query, split at `&` outside of parentheses."""
    return [each for each in query.split("&") if each]


def _top_names(expand: str) -> list[str]:
    names, depth, current = [], 0, ""
    for character in expand + ",":
        if character == "," and depth == 0:
            names.append(current.split("(", 1)[0])
            current = ""
            continue
        depth += (character == "(") - (character == ")")
        current += character
    return [name for name in names if name]


def _token(value: str | None) -> tuple[int, bool]:
    if not value:
        return 0, False
    offset, empty = json.loads(base64.urlsafe_b64decode(value))
    return offset, empty
