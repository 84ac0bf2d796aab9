"""The forms that tools write policies in. A new tool is one more `Form` and a line here."""

from typing import Any, Final

from flows._policies.types import letters_of
from flows._sources.forms import graph, intune_management, powershell, tools
from flows._sources.forms.form import Body, ExportFile, Form

FORMS: Final[tuple[Form, ...]] = (
    # What is wrapped is in one of the others' forms. PowerShell next: it writes names otherwise, and the others go by names.
    tools.OWN_SCRIPT,
    powershell.FORM,
    graph.FORM,
    tools.INTUNE_CD,
    intune_management.FORM,
    tools.INTUNE_BACKUP,
    tools.MICROSOFT365DSC,
    tools.CIPP,
    tools.CONFIGURATION_SNAPSHOT,
    tools.TERRAFORM,
)


def left_out(file: ExportFile) -> bool:
    """Whether some tool writes such a file for its own use, so that nobody expects a policy of today in it."""
    return any(form.leaves_out(file) for form in FORMS)


def document_in_graph_shape(document: Any, file: ExportFile) -> Any:
    """A file's content as Graph would answer it."""
    for form in FORMS:
        document = form.document(document, file)
    return document


def body_in_graph_shape(body: Body) -> Body:
    """One policy as Graph would answer it."""
    for form in FORMS:
        body = form.body(body)
    return body


def stem_of(body: Body, file: ExportFile) -> str:
    """The file's name without its ending and without what a tool put there that is not the policy's."""
    stem = file.stem
    for form in FORMS:
        stem = form.stem(body, stem)
    return stem


def other_kind(file: ExportFile) -> str | None:
    """The folder that says that a file holds an object of a kind that is not asked for, such as an app; `None` for others."""
    return next((name for name in file.folders if letters_of(name) in _OTHERS), None)


_OTHERS: Final = frozenset(name for form in FORMS for name in form.others)


def tool_of(body: Body) -> str | None:
    """The tool whose form an object has that is not read; `None` if it looks like none's."""
    return next((form.tool for form in FORMS if form.refused(body)), None)
