"""Why something could not be read from Microsoft Graph. Of Graph's words only status and error code enter."""

from typing import Final

from runstore.reasons import Fixer, ReasonCode

GRAPH_PERMISSION_MISSING: Final = ReasonCode(
    "graph_permission_missing",
    "The application may not read policies of this type in the tenant.",
    who=Fixer.TENANT_ADMIN,
    next_step="Grant the application permission named in the message with admin consent, then start it again.",
    template="Reading {policy_type} needs the application permission {permission} (HTTP status {http_status}).",
)
GRAPH_POLICY_NOT_FOUND: Final = ReasonCode(
    "graph_policy_not_found",
    "The tenant has no policy with this id: it was deleted, or never was one.",
    retryable=False,
    next_step="Sync the inventory and choose a policy that `tenantatlas inventory policies` lists.",
    template="The tenant has no policy {policy_id}.",
)
GRAPH_POLICY_VANISHED: Final = ReasonCode(
    "graph_policy_vanished",
    "A list named the policy, and read by its id it was not there: just deleted, or Graph is not settled.",
    next_step="Start it again; if the policy was deleted it will no longer be listed.",
    template="Policy {policy_id} was listed and then not found (HTTP status {http_status}).",
)
GRAPH_POLICY_ID_INVALID: Final = ReasonCode(
    "graph_policy_id_invalid",
    "What was asked for is not a policy id.",
    retryable=False,
    next_step="Give the id as `tenantatlas inventory policies` or the policy's address in the portal shows it.",
    template="This is not a policy id: letters, digits, dots, dashes and underscores, up to 128.",
)
GRAPH_REFUSED: Final = ReasonCode(
    "graph_refused",
    "Microsoft Graph refused the request in a way that trying again does not fix.",
    retryable=False,
    who=Fixer.TENANT_ADMIN,
    next_step="Check that the tenant is licensed for the feature; give Microsoft support the request id if it is.",
    template="Microsoft Graph refused with HTTP status {http_status}, code {graph_error_code}, request {request_id}.",
)
GRAPH_THROTTLED: Final = ReasonCode(
    "graph_throttled",
    "Microsoft Graph kept saying that the tenant makes too many requests.",
    next_step="Start it again later; see whether another application reads the same tenant at the same time.",
    template="Microsoft Graph still asked to slow down after {attempts} attempts.",
)
GRAPH_UNAVAILABLE: Final = ReasonCode(
    "graph_unavailable",
    "Microsoft Graph answered with an error of its own, again and again.",
    who=Fixer.MICROSOFT,
    next_step="Look at the service health of the tenant and start it again when Microsoft reports it well.",
    template="Microsoft Graph answered HTTP status {http_status} in {attempts} attempts, request {request_id}.",
)
GRAPH_UNREACHABLE: Final = ReasonCode(
    "graph_unreachable",
    "No connection to Microsoft Graph, or to its sign-in, came about.",
    next_step="Check the worker's network, proxy and name resolution, TENANTATLAS_GRAPH_URL and AZURE_AUTHORITY_HOST.",
    template="No connection to Microsoft Graph or its sign-in in {attempts} attempts.",
)
GRAPH_ANSWER_UNREADABLE: Final = ReasonCode(
    "graph_answer_unreadable",
    "The answer of Microsoft Graph broke off, came too slowly, or was not JSON.",
    who=Fixer.MICROSOFT,
    next_step="Start it again; check for a proxy that cuts answers off if it happens every time.",
    template="No readable answer from Microsoft Graph in {attempts} attempts.",
)
GRAPH_ANSWER_TOO_LARGE: Final = ReasonCode(
    "graph_answer_too_large",
    "One answer of Microsoft Graph was larger than anything a policy needs.",
    retryable=False,
    who=Fixer.DEVELOPER,
    next_step="Report the policy type and the size.",
    template="An answer of Microsoft Graph was larger than {limit} bytes.",
)
GRAPH_PART_UNANSWERED: Final = ReasonCode(
    "graph_part_unanswered",
    "Microsoft Graph answered a batch of requests and left this one out, again and again.",
    who=Fixer.MICROSOFT,
    next_step="Start it again; give Microsoft support the time of the run if it stays so.",
    template="Microsoft Graph left the request out of {attempts} answers.",
)
GRAPH_SIGN_IN_REFUSED: Final = ReasonCode(
    "graph_sign_in_refused",
    "Microsoft Entra refused the application's credentials for this directory.",
    next_step="Check AZURE_CLIENT_ID, its secret or certificate, the tenant's directory id and the admin consent.",
    template="Microsoft Entra refused the sign-in with code {graph_error_code}.",
)
GRAPH_TOKEN_REFUSED: Final = ReasonCode(
    "graph_token_refused",
    "Microsoft Graph refused a token that had just been issued.",
    next_step="Check that TENANTATLAS_GRAPH_URL and AZURE_AUTHORITY_HOST belong to the same cloud.",
    template="Microsoft Graph refused a fresh token with HTTP status {http_status}, code {graph_error_code}.",
)
GRAPH_NOT_CONFIGURED: Final = ReasonCode(
    "graph_not_configured",
    "A setting that reading from Microsoft Graph needs is missing or unusable.",
    next_step="Set it in the worker's environment (see the operations guide), restart the worker, start it again.",
    template="The setting {setting_name} is missing or unusable.",
)
GRAPH_CA_UNREADABLE: Final = ReasonCode(
    "graph_ca_unreadable",
    "The file that SSL_CERT_FILE names holds no certificates that can be read.",
    next_step="Point SSL_CERT_FILE at a PEM file the worker may read, restart the worker, start it again.",
    template="The file that SSL_CERT_FILE names cannot be read as certificates.",
)
GRAPH_DIRECTORY_MISSING: Final = ReasonCode(
    "graph_directory_missing",
    "Which directory to read is not certain: the tenant has no directory id, or a domain beside a managed identity.",
    next_step="Give it one with `tenantatlas tenant set SLUG --directory ENTRA_TENANT_ID` and start it again.",
    template="The tenant has no directory id; a domain in its place does not do for a managed identity.",
)
GRAPH_WRONG_DIRECTORY: Final = ReasonCode(
    "graph_wrong_directory",
    "The credentials lead to another directory than the tenant's; nothing was read.",
    next_step="Use credentials of the tenant's directory; a managed identity only reads the directory it lives in.",
    template="The token is for another directory than the tenant's.",
)
GRAPH_LIST_UNSTABLE: Final = ReasonCode(
    "graph_list_unstable",
    "A list changed under the reader every time, or holds fewer than Graph says it does, so its end cannot be trusted.",
    next_step="Start it again when nobody is changing policies in bulk.",
    template="The list of {policy_type} changed or did not come whole, {attempts} times in a row.",
)
GRAPH_FOREIGN_LINK: Final = ReasonCode(
    "graph_foreign_link",
    "An answer named a next page on another host or none that is an address; it was not followed.",
    next_step="Check TENANTATLAS_GRAPH_URL and any proxy between worker and Microsoft Graph, then start it again.",
    template="An answer named a next page that is not on the configured endpoint.",
)
GRAPH_SETTINGS_INCOMPLETE: Final = ReasonCode(
    "graph_settings_incomplete",
    "A policy said how many settings it has, and another number arrived.",
    next_step="Start it again; the policy was probably being edited.",
    template="Policy {policy_id} has {expected} settings and {count} arrived.",
)
GRAPH_ITEM_UNREADABLE: Final = ReasonCode(
    "graph_item_unreadable",
    "A list of policies held something that has no id and is not a policy.",
    who=Fixer.MICROSOFT,
    next_step="Start it again; report the policy type if it stays so.",
    template="The list of {policy_type} holds an element without an id.",
)
GRAPH_LIST_MISSING: Final = ReasonCode(
    "graph_list_missing",
    "Microsoft Graph said that all went well, and its answer held no list where one was asked for.",
    who=Fixer.MICROSOFT,
    next_step="Start it again; give Microsoft support the time of the run if it stays so.",
    template="The answer of Microsoft Graph holds no list, HTTP status {http_status}.",
)
GRAPH_POLICY_UNREADABLE: Final = ReasonCode(
    "graph_policy_unreadable",
    "The answer for one policy was another object, left out what was asked for, or holds characters that no text can have.",
    who=Fixer.MICROSOFT,
    next_step="Open the policy in the portal and save it again, then start it again.",
    template="The answer for policy {policy_id} is not a policy that can be read.",
)
GRAPH_NOT_LICENSED: Final = ReasonCode(
    "graph_not_licensed",
    "The tenant has no licence for the feature, so there is nothing of this type to read. No permission is missing.",
    who=Fixer.TENANT_ADMIN,
    next_step="Get the licence and start it again. Without the feature there is nothing to do: the type counts as not read.",
    template="The tenant is not licensed for {policy_type} (HTTP status {http_status}, request {request_id}).",
)
GRAPH_NOT_OFFERED: Final = ReasonCode(
    "graph_not_offered",
    "Microsoft Graph has no such list in the tenant: its cloud or its services do not have the feature.",
    retryable=False,
    who=Fixer.TENANT_ADMIN,
    next_step="Leave the type out with `tenantatlas tenant set SLUG --without-types` if the tenant does not use the feature.",
    template="Microsoft Graph knows no {policy_type} in the tenant (HTTP status {http_status}, request {request_id}).",
)
GRAPH_ACCESS_BLOCKED: Final = ReasonCode(
    "graph_access_blocked",
    "A Conditional Access policy of the tenant keeps the application out. No permission is missing.",
    who=Fixer.TENANT_ADMIN,
    next_step="Let the policy leave the application out, or allow the worker's address; the sign-in log names the policy.",
    template="Conditional Access blocked the application with code {graph_error_code}.",
)
GRAPH_CONSENT_MISSING: Final = ReasonCode(
    "graph_consent_missing",
    "The application is not known in the tenant's directory, or is switched off there: nobody consented to it.",
    who=Fixer.TENANT_ADMIN,
    next_step="Let an administrator of the tenant consent to the application, then start it again.",
    template="The directory has not consented to the application (code {graph_error_code}).",
)
GRAPH_SIGN_IN_UNAVAILABLE: Final = ReasonCode(
    "graph_sign_in_unavailable",
    "The sign-in of Microsoft Entra answered with an error of its own; the credentials were not judged.",
    who=Fixer.MICROSOFT,
    next_step="Start it again; check AZURE_AUTHORITY_HOST and any proxy, or the platform's identity, if it stays so.",
    template="The sign-in of Microsoft Entra gave no usable answer, code {graph_error_code}.",
)
GRAPH_WAIT_TOO_LONG: Final = ReasonCode(
    "graph_wait_too_long",
    "Microsoft Graph asked for a longer pause than a run waits, so this was not read.",
    next_step="Start it again when the time has passed; see whether another application reads the same tenant.",
    template="Microsoft Graph asked to wait {seconds} seconds, and a run waits {limit} at most.",
)
GRAPH_CA_UNKNOWN: Final = ReasonCode(
    "graph_ca_unknown",
    "Microsoft Graph or the sign-in showed a certificate of an authority that the worker does not know; nothing was sent.",
    next_step="If a proxy opens TLS, point SSL_CERT_FILE at its authority, restart the worker, start it again.",
    template="The certificate of Microsoft Graph or of the sign-in is of an authority that is not known here.",
)
GRAPH_DIRECTORY_UNKNOWN: Final = ReasonCode(
    "graph_directory_unknown",
    "Microsoft Entra knows no directory by the id or domain that the tenant has.",
    next_step="Give the right one with `tenantatlas tenant set SLUG --directory ENTRA_TENANT_ID` and start it again.",
    template="Microsoft Entra knows no directory {directory_id}.",
)

REASONS: Final = tuple(one for one in vars().values() if isinstance(one, ReasonCode))
