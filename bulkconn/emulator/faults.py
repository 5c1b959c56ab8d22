"""The plan that says when each fault of the menu strikes, and the short forms in which it is written."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bulkconn.emulator.menu import Fault, Place, fault_menu

__all__ = ["FaultChance", "FaultPlan", "FaultStep", "parse_fault"]


class FaultStep(BaseModel):
    """One fault to commit; written `slow:2` for short."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: Fault
    #: See the fault; None = its usual length (a Retry-After of `status_503`: none).
    seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _read_short_form(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        name, *rest = value.split(":")
        if len(rest) > 1:
            raise ValueError(f"cannot read the fault {value!r}: write name or name:seconds")
        return {"fault": _named(name), "seconds": _number(value, rest[0]) if rest else None}

    @model_validator(mode="after")
    def _check_seconds(self) -> Self:
        if self.seconds is not None and not self.fault.takes_seconds:
            raise ValueError(f"the fault {self.fault} takes no seconds")
        return self

    @property
    def length_s(self) -> float:
        """The seconds given, or else the fault's usual ones."""
        return self.fault.usual_seconds if self.seconds is None else self.seconds


class FaultChance(FaultStep):
    """A fault that strikes with a probability; written `outage:0.01:5` for short."""

    #: Share of the requests (for `refuse`: of the connections) that it strikes, 0 to 1.
    probability: float = Field(ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _read_short_form(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        match value.split(":"):
            case [name, chance]:
                return {"fault": _named(name), "probability": _number(value, chance)}
            case [name, chance, seconds]:
                return {
                    "fault": _named(name),
                    "probability": _number(value, chance),
                    "seconds": _number(value, seconds),
                }
            case _:
                raise ValueError(f"cannot read the fault {value!r}: write name:probability[:seconds]")


class FaultPlan(BaseModel):
    """When which fault strikes. A script by name comes before the queue, the queue before chance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Faults by probability. As JSON also `{"reset_after_create": 0.05}`.
    chances: tuple[FaultChance, ...] = ()
    #: Faults for the next requests, each taken by the first request of its place.
    queue: tuple[FaultStep, ...] = ()
    #: Faults for the POSTs of a connection name, in order; afterwards queue and chance decide.
    by_name: dict[str, tuple[FaultStep, ...]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _read_mapping(cls, value: Any) -> Any:  # noqa: ANN401 - pydantic hands over what it was given
        if isinstance(value, dict) and isinstance(value.get("chances"), dict):
            chances = [f"{name}:{chance}" for name, chance in value["chances"].items()]
            return {**value, "chances": chances}
        return value

    @model_validator(mode="after")
    def _check_places(self) -> Self:
        for place in Place:
            total = sum(chance.probability for chance in self.chances if chance.fault.place is place)
            if total > 1 + 1e-9:
                raise ValueError(f"the probabilities of {place} faults add up to {total:g}, more than 1")
        for name, steps in self.by_name.items():
            for step in steps:
                if step.fault.place is not Place.POST:
                    raise ValueError(f"{step.fault} cannot be scripted for {name!r}: no POST draws it")
        return self


def parse_fault(text: str) -> FaultChance:
    """Read a fault as it is written on a command line: `reset_after_create:0.05`, `outage:0.01:5`.

    Args:
        text: `name:probability[:seconds]`.

    Raises:
        ValueError: The text is not of that form; the message is one sentence and lists the menu.
    """
    name, *rest = text.split(":")
    fault = _named(name)
    if len(rest) not in (1, 2):
        raise ValueError(f"cannot read the fault {text!r}: write name:probability[:seconds]; {_menu()}")
    probability = _number(text, rest[0])
    if not 0 <= probability <= 1:
        raise ValueError(f"the probability of {fault} is {rest[0]}, but must be from 0 to 1; {_menu()}")
    if len(rest) == 1:
        return FaultChance(fault=fault, probability=probability)
    seconds = _number(text, rest[1])
    if not fault.takes_seconds:
        raise ValueError(f"the fault {fault} takes no seconds; {_menu()}")
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"the seconds of {fault} are {rest[1]}, but must be 0 or more; {_menu()}")
    return FaultChance(fault=fault, probability=probability, seconds=seconds)


def _menu() -> str:
    return f"the menu is {fault_menu()} (* takes seconds)"


def _named(name: str) -> Fault:
    try:
        return Fault(name)
    except ValueError:
        raise ValueError(f"there is no fault named {name!r}; {_menu()}") from None


def _number(text: str, digits: str) -> float:
    try:
        return float(digits)
    except ValueError:
        raise ValueError(f"cannot read the fault {text!r}: {digits!r} is not a number; {_menu()}") from None
