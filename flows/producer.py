"""What a producer declares about an operation, without Prefect: its type, its flow and what makes two runs identical."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from runstore.errors import BadInputError
from runstore.runs.operation import OperationType
from runstore.runs.run import RelatedLink
from runstore.runs.starter import StartRequest


class FlowParameters(BaseModel):
    """The base of an operation's parameters: strings, ids and lists of them. Unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def _same(parameters: Any) -> Mapping[str, Any]:
    return parameters.model_dump(mode="json")


def _told(parameters: FlowParameters) -> dict[str, Any]:
    """The parameters as the flow gets them. One that is not set stays away: a worker of the release before may not know it."""
    fields = type(parameters).model_fields
    values = parameters.model_dump(mode="json")
    return {name: value for name, value in values.items() if value is not None or fields[name].is_required()}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a producer.

    `flow` is the entry point of its flow, `flows.drift.flow:generate_drift`; the flow takes `tenant`, the parameters'
    fields, and `run_id`. `identity` gives what makes two requests identical (default: all parameters), `item_ids` the
    items known before the run begins, `related` the links known then. `about` names the keys of the context that tell
    one run from another, the most telling first: the hub's list shows them. `joins` names those that an identical active run
    takes over, `paths` parameters that hold a path, see StartRequest. `checked` is what becomes of values that
    a person has just written: it may look at a folder and make its path absolute, or raise BadInputError.
    `timeout_seconds` ends a run that hangs. `retries` is how often Prefect runs a failed flow again,
    `retry_delay_seconds` later, as a further attempt of the same run: not at all by default, because a flow tries
    again by itself where it knows that a failure passes, and most others come back.
    """

    type: OperationType
    flow: str
    parameters: type[FlowParameters]
    description: str
    identity: Callable[[Any], Mapping[str, Any]] = _same
    context: Callable[[Any], Mapping[str, Any]] = _same
    item_ids: Callable[[Any], Sequence[str]] = field(default=lambda _: ())
    related: Callable[[Any], Sequence[RelatedLink]] = field(default=lambda _: ())
    about: Sequence[str] = ("scope",)
    joins: Sequence[str] = ()
    paths: Sequence[str] = ()
    checked: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    timeout_seconds: int = 6 * 3600
    retries: int = 0
    retry_delay_seconds: int = 30

    def fault(self) -> str | None:
        """What of the declaration cannot be used, as its end of a sentence; None when all can."""
        kinds = {
            "type": OperationType,
            "flow": str,
            "description": str,
            "timeout_seconds": int,
            "retries": int,
            "about": tuple,
        }
        for name, kind in kinds.items():
            if not isinstance(getattr(self, name), kind):
                return f"its {name} has to be of the type {kind.__name__}"
        if not self.flow.startswith("flows.") or ":" not in self.flow:
            return "its flow has to be written as flows.<folder>.flow:<function>"
        given: Any = self.parameters
        if not (isinstance(given, type) and issubclass(given, FlowParameters)):
            return "its parameters have to be a class of FlowParameters"
        return None

    def written(self, pairs: Sequence[str]) -> Mapping[str, Any]:
        """The values that a person wrote as `NAME=VALUE`, a list with commas between. BadInputError for what is neither."""
        values: dict[str, Any] = {}
        for pair in pairs:
            name, separator, value = pair.partition("=")
            if not separator or not name:
                raise BadInputError(f"--set {pair[:80]!r} is not a parameter: write it as NAME=VALUE.")
            if name in values:
                raise BadInputError(f"--set names {name[:80]!r} twice; give it one value.")
            values[name] = value.split(",") if self._is_list(name) else value
        return self.checked(values)

    def _is_list(self, name: str) -> bool:
        known = self.parameters.model_fields.get(name)
        return known is not None and get_origin(known.annotation) in (tuple, list)

    def request(self, values: Mapping[str, Any]) -> StartRequest:
        """The start request for these parameter values. BadInputError names the first one that is wrong."""
        try:
            parameters = self.parameters.model_validate(dict(values))
        except ValidationError as problem:
            wrong = problem.errors(include_url=False, include_input=False)
            # A name that is misspelled may be why another one is missing.
            first = next((one for one in wrong if one["type"] == "extra_forbidden"), wrong[0])
            name = ".".join(str(part) for part in first["loc"]) or "parameters"
            raise BadInputError(
                f"{self.type} cannot use its parameter {name!r}: {first['msg'].removeprefix('Value error, ')}."
            ) from None
        return StartRequest(
            operation=self.type,
            identity=self.identity(parameters),
            parameters=_told(parameters),
            context=self.context(parameters),
            item_ids=self.item_ids(parameters),
            related=self.related(parameters),
            joins=self.joins,
            paths=self.paths,
        )

    def essence(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """What of the parameter values says which work it is: those that differ from what the operation takes by itself.

        A release that adds a parameter with a default leaves it as it is. Values that the operation does not take stay as given.
        """
        try:
            given = self.parameters.model_validate(dict(values))
        except ValidationError:
            return dict(values)
        fields = type(given).model_fields
        return {
            name: value
            for name, value in given.model_dump(mode="json").items()
            if fields[name].is_required() or getattr(given, name) != fields[name].get_default(call_default_factory=True)
        }
