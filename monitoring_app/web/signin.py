"""Signing in and out: the provider's code flow, or the demo's picker. Both end with the session cookie and the way back."""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast
from uuid import UUID

import httpx
from anyio import to_thread
from authlib.common.errors import AuthlibBaseError
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from monitoring_app import texts
from monitoring_app.runtime import Hub
from monitoring_app.settings import OidcSettings
from monitoring_app.web import plain_pages
from monitoring_app.web.addresses import safe_next
from monitoring_app.web.gate import cookie_name
from monitoring_app.web.identity import Session, demo_people
from runstore.directory import SignedInUser
from runstore.errors import StoreUnavailableError

with warnings.catch_warnings():
    # Authlib announces a successor of httpx on every import, on the terminal where the hub was started.
    from authlib.deprecate import AuthlibDeprecationWarning

    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.starlette_client import OAuth

_LOGGER = logging.getLogger(__name__)
FLOW_SECONDS = 600
_ENTRA = (
    "https://login.microsoftonline.com/",
    "https://login.microsoftonline.us/",
    "https://login.partner.microsoftonline.cn/",
)


class SignIn:
    """The routes under `/sign-in` and `/sign-out`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._provider: Any = _provider(hub.settings.oidc) if hub.settings.oidc else None
        self._flow_cookie = "__Host-tenantatlas-flow" if hub.settings.is_https else "tenantatlas-flow"

    async def begin(self, request: Request) -> Response:
        """To the provider, or the demo's picker; where to come back to is remembered on the way."""
        next_path = safe_next(request.query_params.get("next"))
        if self._hub.settings.demo:
            return await self._picker(next_path)
        if self._provider is None:
            # The proxy has signed this person in; the gate asks it who that is.
            return RedirectResponse(next_path, 303, headers={"cache-control": "no-store"})
        # Several tabs may be on their way at once: each adds its state to what the browser keeps.
        flow: dict[str, Any] = {}
        extra = {"prompt": "select_account"} if request.query_params.get("again") else {}
        try:
            with _session(request, flow):
                response = await self._provider.authorize_redirect(
                    request, f"{self._hub.settings.origin}/sign-in/callback", **extra
                )
        except (httpx.HTTPError, AuthlibBaseError, ValueError, KeyError, RuntimeError) as problem:
            _LOGGER.warning("The sign-in provider could not be asked: %s", type(problem).__name__)
            return plain_pages.sign_in_failed(texts.SIGN_IN_UNREACHABLE, 502)
        sealed = self._hub.sessions.seal({"flow": flow, "next": next_path})
        self._set_cookie(response, self._flow_cookie, sealed, FLOW_SECONDS)
        return response

    async def callback(self, request: Request) -> Response:
        """From the provider: its answer is verified, the person looked up, the session opened."""
        if self._provider is None:
            return plain_pages.not_found()
        kept = self._hub.sessions.unseal(request.cookies.get(self._flow_cookie))
        flow = kept.get("flow")
        if request.query_params.get("error"):
            code = "".join(c for c in request.query_params["error"][:40] if c.isalnum() or c in "_-")
            return self._forget(plain_pages.sign_in_failed(f"the provider refused it ({code}).", 400))
        state = request.query_params.get("state", "")
        if not isinstance(flow, dict) or f"_state_hub_{state}" not in flow:
            return self._forget(plain_pages.sign_in_failed(texts.SIGN_IN_STALE, 400))
        try:
            with _session(request, cast("dict[str, Any]", flow)):
                token = await self._provider.authorize_access_token(request)
        except httpx.HTTPError as problem:
            _LOGGER.warning("The sign-in provider did not answer: %s", type(problem).__name__)
            return plain_pages.sign_in_failed(texts.SIGN_IN_UNREACHABLE, 502)
        except (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError, RuntimeError) as problem:
            _LOGGER.warning("A sign-in could not be verified: %s", type(problem).__name__)
            return self._forget(plain_pages.sign_in_failed(texts.SIGN_IN_UNVERIFIED, 400))
        userinfo: dict[str, Any] = dict(token.get("userinfo") or {})
        if not isinstance(userinfo.get("sub"), str):
            return self._forget(plain_pages.sign_in_failed(texts.SIGN_IN_UNVERIFIED, 400))
        user = await to_thread.run_sync(partial(self._known, userinfo))
        if user is None:
            return self._forget(plain_pages.not_invited())
        return self._forget(self._signed_in(user.id, safe_next(str(kept.get("next", "/")))))

    async def choose(self, request: Request) -> Response:
        """The demo's picker answered: a session for the chosen user. There is no such route outside of demo mode."""
        if not self._hub.settings.demo:
            return plain_pages.not_found()
        form = await request.form(max_files=0, max_fields=4, max_part_size=8192)
        people = await to_thread.run_sync(demo_people, self._hub.app_database)
        user_id = str(form.get("user", ""))
        if user_id not in people:
            return plain_pages.bad_address()
        return self._signed_in(UUID(user_id), safe_next(str(form.get("next", "/"))))

    async def end(self, request: Request) -> Response:
        """Signs out: the session is refused from now on, in every tab and by every hub. 503 when that cannot be noted."""
        session: Session | None = request.scope.get("tenantatlas.session")
        if session is not None:
            expires = datetime.fromtimestamp(session.expires_at, UTC)
            try:
                await to_thread.run_sync(self._hub.directory.end_session, session.id, expires)
            except StoreUnavailableError:
                return plain_pages.unavailable()
        response = RedirectResponse("/signed-out", 303)
        response.delete_cookie(cookie_name(self._hub), path="/", secure=self._hub.settings.is_https, httponly=True)
        response.headers["clear-site-data"] = '"cache"'
        return response

    async def ended(self, request: Request) -> Response:
        return plain_pages.signed_out()

    async def _picker(self, next_path: str) -> Response:
        try:
            people = await to_thread.run_sync(demo_people, self._hub.app_database)
        except StoreUnavailableError:
            return plain_pages.unavailable()
        return plain_pages.demo_picker([(user_id, *told) for user_id, told in people.items()], next_path)

    def _signed_in(self, user_id: UUID, next_path: str) -> Response:
        response = RedirectResponse(next_path, 303, headers={"cache-control": "no-store"})
        self._set_cookie(response, cookie_name(self._hub), self._hub.sessions.open(user_id), self._hub.sessions.seconds)
        return response

    def _known(self, userinfo: dict[str, Any]) -> SignedInUser | None:
        oidc = self._hub.settings.oidc
        if oidc is None:
            return None
        email = userinfo.get("email")
        # The text "true" is not a promise: some providers send it for emails that people typed themselves.
        issuer = str(userinfo.get("iss") or oidc.issuer)
        confirmed = userinfo.get("email_verified") is True
        if issuer.startswith(_ENTRA):
            # Entra ID has no `email_verified`; this optional claim says that the email's domain is the directory's own.
            confirmed = userinfo.get("xms_edov") in (True, "1", "true")
        trusted = confirmed or oidc.email_trusted
        return self._hub.directory.sign_in(
            issuer, userinfo["sub"], email if isinstance(email, str) else None, email_trusted=trusted
        )

    def _set_cookie(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=self._hub.settings.is_https, httponly=True, samesite="lax"
        )

    def _forget(self, response: Response) -> Response:
        response.delete_cookie(self._flow_cookie, path="/", secure=self._hub.settings.is_https, httponly=True)
        return response


@contextmanager
def _session(request: Request, values: dict[str, Any]) -> Generator[None]:
    """Lends Authlib our own values as the request's session, and gives Streamlit's back afterwards."""
    before = request.scope.get("session")
    request.scope["session"] = values
    try:
        yield
    finally:
        request.scope["session"] = before


def _provider(oidc: OidcSettings) -> Any:
    oauth: Any = OAuth()
    return oauth.register(
        "hub",
        client_id=oidc.client_id,
        client_secret=oidc.client_secret or None,
        server_metadata_url=f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10.0},
    )
