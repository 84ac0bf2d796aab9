"""Why a file of an export could not be taken for a policy. Of a file only its name, size and positions enter."""

from typing import Final

from runstore.reasons import ReasonCode

_AGAIN: Final = "Export the policy again, or take the file out of the folder, and sync once more."


def _reason(code: str, meaning: str, template: str, next_step: str = _AGAIN) -> ReasonCode:
    # What is wrong with a file is put right in the folder, and the next sync reads it.
    return ReasonCode(code, meaning, next_step, template)


FILE_UNREADABLE: Final = _reason(
    "file_unreadable",
    "The file could not be opened or read: permissions, a broken or circular link, or no ordinary file, such as an archive.",
    "{file_name} could not be read.",
    "Check the file's permissions and links on the worker's machine, unpack an archive, then sync once more.",
)
FILE_TOO_LARGE: Final = _reason(
    "file_too_large",
    "The file is larger than any export of policies needs to be, so it was not read.",
    "{file_name} has {size} bytes; the limit is {limit}.",
    "Split the export into one file per policy, or take the file out of the folder, and sync once more.",
)
FILE_EMPTY: Final = _reason(
    "file_empty",
    "The file holds nothing, or JSON that says nothing: an export that was interrupted.",
    "{file_name} is empty.",
)
FILE_ENCODING: Final = _reason(
    "file_encoding",
    "The file is text in none of the encodings exports come in: UTF-8 or UTF-16, with or without byte-order mark.",
    "{file_name} is neither UTF-8 nor UTF-16; the first byte that does not fit is at {position}.",
)
JSON_TRUNCATED: Final = _reason(
    "json_truncated",
    "The JSON in the file stops in the middle.",
    "{file_name} ends in the middle of its JSON, at line {line}.",
)
JSON_INVALID: Final = _reason(
    "json_invalid", "The file is not valid JSON.", "{file_name} is not valid JSON: line {line}, column {column}."
)
NESTED_TOO_DEEP: Final = _reason(
    "nested_too_deep",
    "The policy nests deeper than any policy Graph returns.",
    "{file_name} nests deeper than {limit} levels.",
    "Take the file out of the folder and sync once more; report the policy's type.",
)
NOT_A_POLICY: Final = _reason(
    "not_a_policy",
    "The file holds JSON, but no policy: nothing in it says which type of policy it would be.",
    "{file_name} holds JSON that is not a policy.",
    "Take the file out of the folder and sync once more; if it is a policy, report its type.",
)
EXPORT_HOLDS_ERROR: Final = _reason(
    "export_holds_error",
    "The export saved an error answer of Microsoft Graph in place of the policy.",
    "{file_name} holds an error answer of Microsoft Graph (code {graph_error_code}) instead of a policy.",
)
DUPLICATE_POLICY_ID: Final = _reason(
    "duplicate_policy_id",
    "Two files hold different policies under one id, so neither can be told to be the tenant's.",
    "{file_name} holds policy {policy_id}, which another file holds with different content.",
    "Keep the file that is current, take the other out of the folder, and sync once more.",
)
PART_WITHOUT_POLICY: Final = _reason(
    "part_without_policy",
    "The file holds only a part of a policy (settings or assignments), and the policy itself is not in the folder.",
    "{file_name} holds a part of a policy that is not in the folder.",
    "Export the policy itself along with its parts and sync once more.",
)
FOREIGN_FORM: Final = _reason(
    "foreign_form",
    "The file is in a tool's own form, which is not read, so the policies in it are not known.",
    "{file_name} looks like an export of {tool}, which is not read.",
    "Export the policies as Microsoft Graph answers them, for example with IntuneCD, and sync once more.",
)
VALUE_CUT: Final = _reason(
    "value_cut",
    "PowerShell wrote the name of an object's class in place of the object, because it nests deeper than ConvertTo-Json went.",
    "{file_name} holds texts in place of objects: it was cut by ConvertTo-Json.",
    "Export again with ConvertTo-Json -Depth 100, and sync once more.",
)
PART_CUT: Final = _reason(
    "part_cut",
    "The policy says that it has more settings than the file holds, or that a part goes on at another address.",
    "{file_name} holds only the beginning of the policy's parts.",
    "Export the policy again with all pages of its settings, and sync once more.",
)
PAGE_MISSING: Final = _reason(
    "page_missing",
    "The file holds one page of a list that goes on (@odata.nextLink), and the rest is not in it.",
    "{file_name} is one page of a list that goes on.",
    "Export all pages of the list, and sync once more.",
)

FOLDER_REASONS: Final = tuple(one for one in vars().values() if isinstance(one, ReasonCode))
