"""State tables: one a kind of case. Pure.

Invariants: a state changes only by a verb that its table names; the diagram in `docs/states` is made from
the table; every state can be reached, and a final state has no way out but those that the table lists.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from portal.errors import Refused


@dataclass(frozen=True)
class Transition:
    """A verb, the states in which it is permitted, and where it leads (None: the state stays)."""

    verb: str
    sources: frozenset[str]
    target: str | None
    roles: frozenset[str]
    says: str


class StateTable:
    """The transitions of one kind of case.

    `states` maps a state to what staff read; `final` are the states in which the case is closed.
    """

    def __init__(
        self,
        name: str,
        states: dict[str, str],
        transitions: Iterable[Transition],
        *,
        initial: str,
        final: Iterable[str],
    ) -> None:
        self.name = name
        self.states = states
        self.initial = initial
        self.final = frozenset(final)
        rows = list(transitions)
        self.transitions = {transition.verb: transition for transition in rows}
        if len(self.transitions) != len(rows):
            raise ValueError(f"{name}: a verb is listed twice")
        named = {initial, *self.final}
        for transition in self.transitions.values():
            named |= transition.sources | ({transition.target} if transition.target else set())
        if unknown := named - states.keys():
            raise ValueError(f"{name}: unknown states {sorted(unknown)}")

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The states as a field's choices."""
        return list(self.states.items())

    @property
    def open_states(self) -> list[str]:
        """The states in which somebody still has something to do."""
        return [state for state in self.states if state not in self.final]

    def check(self, verb: str, state: str) -> Transition:
        """The transition of `verb`, or Refused with the states in which it would be permitted."""
        transition = self.transitions[verb]
        if state not in transition.sources:
            wanted = " or ".join(
                f"“{name}”" for code, name in self.states.items() if code in transition.sources
            )
            raise Refused(
                f"The state of this {self.name} is “{self.states[state]}”; to {transition.says}, "
                f"it must be {wanted}.",
                code="state",
            )
        return transition

    def permits(self, verb: str, state: str) -> bool:
        """Whether `verb` is permitted in `state`."""
        return state in self.transitions[verb].sources

    def is_end(self, state: str) -> bool:
        """Whether a case in `state` is closed for good: no verb leads out of it, nor runs in it."""
        return state in self.final and not any(
            state in transition.sources for transition in self.transitions.values()
        )

    @property
    def ends(self) -> list[str]:
        """The states in which a case is closed for good."""
        return [state for state in self.states if self.is_end(state)]

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for transition in self.transitions.values():
            lines += [
                f"    {state} --> {transition.target}: {transition.verb}"
                for state in self.states
                if state in transition.sources and transition.target not in (None, state)
            ]
        lines += [f"    {state} --> [*]" for state in self.states if state in self.final]
        return "\n".join(lines) + "\n"


def transition_of(
    verb: str, sources: Iterable[str], target: str | None, roles: Iterable[str], says: str = ""
) -> Transition:
    """Write a row of a state table.

    `says` is the verb as staff read it, with "it" for the case in its place, or else at its end
    (default: the verb itself).
    """
    deed = says or verb.replace("_", " ")
    if "it" not in deed.split():
        deed += " it"
    return Transition(verb, frozenset(sources), target, frozenset(roles), deed)
