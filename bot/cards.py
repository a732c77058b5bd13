"""What a message looks like: text with marks, and rows of buttons. Pure: data in, a card out.

Here are the shapes and the cards before there is a task; `bot.task_cards` has those of tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.text import Rich, bold, code, fit, italic, join, plain, quote, shorten
from core.hearing import Replacement
from core.model import AgentInfo
from core.store.conversation import Draft, DraftState
from core.templates import Argument

PROJECTS = 20  # a page of them
QUOTED = 2500  # units of what was said that a card repeats; the draft keeps all of it
LABEL = 32


@dataclass(frozen=True, slots=True)
class Button:
    """`subject` is the id of a task or draft; `args` bind it to the head or request it was for."""

    label: str
    action: str = ""
    subject: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None


Rows = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True, slots=True)
class Card:
    """`live`: it is not its message's last word."""

    text: Rich
    buttons: Rows = ()
    live: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """What a draft can be given. `agent` is the one it gets when none is named."""

    templates: Sequence[str]
    projects: Sequence[str]
    agents: Sequence[AgentInfo]
    agent: str
    ask: Argument | None = None  # of the chosen template, not known yet


def note(text: str) -> Card:
    return Card(plain(text))


def rows(buttons: Iterable[Button], width: int) -> Rows:
    line = tuple(buttons)
    return tuple(line[start : start + width] for start in range(0, len(line), width))


def page(
    buttons: Sequence[Button], start: int, size: int, width: int, turn: Callable[[str, int], Button]
) -> Rows:
    """`size` of the buttons, and those that `turn` to the pages before and behind them."""
    turning = tuple(
        turn(label, to)
        for label, to in (("‹ Previous", start - size), ("More ›", start + size))
        if 0 <= to < len(buttons)
    )
    shown = rows(buttons[start : start + size], width)
    return (*shown, turning) if turning else shown


def listening(draft_id: int, share: float | None = None) -> Card:
    share_text = f" {share:.0%}" if share else ""
    return Card(plain(f"🎙 Listening…{share_text}"), ((Button("✖️ Cancel", "drop", str(draft_id)),),))


def heard(text: str) -> Card:
    """A note that was understood as something other than a new task."""
    return Card(plain("🎙 ") + quote(fit(plain(text), QUOTED).text))


def draft_card(draft: Draft, choices: Choices) -> Card:
    if draft.state is DraftState.DROPPED:
        return Card(plain("✖️ Dropped; nothing was started.\n") + _said(draft))
    if draft.picking == "project":
        return Card(
            _heading(draft) + _said(draft) + "\n\nWhich project?", _projects(draft, choices)
        )
    if draft.picking == "agent":
        return Card(_heading(draft) + _said(draft) + "\n\nWhich agent?", _agents(draft, choices))
    if choices.ask is not None and draft.asking:
        return _ask(draft, choices.ask)
    return Card(_proposal(draft, choices), _proposal_buttons(draft, choices))


def edit_prompt(draft: Draft) -> Card:
    text = join([plain("✏️ Send the corrected text, or say it again."), code(draft.text)], "\n\n")
    return Card(text, ((Button("Leave it as it is", "back", str(draft.id)),),))


def _heading(draft: Draft) -> Rich:
    if draft.forwarded:
        return plain("↪️ Forwarded to you:\n")
    return plain("🎙 I heard:\n") if draft.spoken else plain("✍️ You wrote:\n")


def _said(draft: Draft) -> Rich:
    """What was said, with the words that were matched to the repository in bold."""
    text = fit(plain(draft.text), QUOTED).text
    said = Rich()
    for piece, marked in _pieces(text, draft.replacements):
        said = said + (bold(piece) if marked else plain(piece))
    whole = quote(said.text)
    return Rich(said.text, whole.marks + said.marks)


def _pieces(text: str, replacements: Sequence[Replacement]) -> Iterable[tuple[str, bool]]:
    position = 0
    for change in replacements:
        start = text.find(change.written, position) if change.written else -1
        if start < 0:
            continue
        yield text[position:start], False
        position = start + len(change.written)
        yield text[start:position], True
    yield text[position:], False


def _proposal(draft: Draft, choices: Choices) -> Rich:
    changed = [
        f"{change.written} ← “{change.heard}”"
        for change in draft.replacements
        if not change.choices and change.heard.casefold() != change.written.casefold()
    ]
    given = [
        plain(f"{name.replace('_', ' ')}: ") + code(shorten(_value(value), 200))
        for name, value in draft.arguments.items()
    ]
    unsure = [
        plain(f"Which one: {' or '.join(c.choices)}?") for c in draft.replacements if c.choices
    ]
    return join(
        [
            _heading(draft) + _said(draft),
            italic("Names: " + "; ".join(changed)) if changed else "",
            italic(draft.notice) if draft.notice else "",
            join(unsure),
            join(given),
            plain(_where(draft, choices)),
        ],
        "\n\n",
    )


def _where(draft: Draft, choices: Choices) -> str:
    parts = [
        f"📁 {draft.project or 'which project?'}",
        f"🤖 {', '.join(draft.agents) or choices.agent}",
    ]
    if draft.template:
        parts.append(f"🧩 {draft.template.replace('_', ' ')}")
    if draft.look_only:
        parts.append("👀 asks before any change")
    return " · ".join(parts)


def _value(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _proposal_buttons(draft: Draft, choices: Choices) -> Rows:
    me = str(draft.id)
    unsure = [
        Button(shorten(choice, LABEL), "choose", me, {"nth": str(nth), "choice": choice})
        for nth, change in enumerate(draft.replacements)
        for choice in change.choices
    ]
    templates = [
        Button(
            ("✓ " if name == draft.template else "") + name.replace("_", " "),
            "template",
            me,
            {"name": name},
        )
        for name in choices.templates
    ]
    pick = [Button(f"🤖 {', '.join(draft.agents) or choices.agent}", "pick", me, {"what": "agent"})]
    if len(choices.projects) > 1:
        label = f"📁 {draft.project or 'Project…'}"
        pick.insert(0, Button(label, "pick", me, {"what": "project"}))
    look = Button("✓ 👀 Look only" if draft.look_only else "👀 Look only", "look", me)
    edits = [Button("✏️ Edit", "edit", me), Button("✖️ Cancel", "drop", me)]
    if draft.spoken and draft.replacements and draft.text != draft.raw_text:
        edits.insert(1, Button("As spoken", "raw", me))
    return (
        *rows(unsure, 2),
        (Button("▶️ Run", "run", me),),
        *rows(templates, 3),
        (*pick, look),
        tuple(edits),
    )


def _projects(draft: Draft, choices: Choices) -> Rows:
    me = str(draft.id)
    buttons = [
        Button(shorten(name, LABEL), "project", me, {"name": name}) for name in choices.projects
    ]

    def turn(label: str, start: int) -> Button:
        return Button(label, "pick", me, {"what": "project", "start": str(start)})

    picked = page(buttons, draft.start, PROJECTS, 2, turn)
    return (*picked, (Button("‹ Back", "back", me),))


def _agents(draft: Draft, choices: Choices) -> Rows:
    me = str(draft.id)
    chosen = draft.agents or (choices.agent,)
    buttons = [
        Button(
            ("✓ " if agent.name in chosen else "")
            + shorten(f"{agent.name} {agent.version or ''}", LABEL)
            + (" (not logged in)" if agent.logged_in is False else ""),
            "agent",
            me,
            {"name": agent.name},
        )
        for agent in choices.agents
        if agent.installed
    ]
    return (*rows(buttons, 2), (Button("‹ Back", "back", me),))


def _ask(draft: Draft, ask: Argument) -> Card:
    template = (draft.template or "").replace("_", " ")
    text = join(
        [
            _heading(draft) + _said(draft),
            plain(f"🧩 {template} needs to know ")
            + bold(ask.name.replace("_", " "))
            + f": {ask.description}.",
            plain("Send it as text or say it."),
        ],
        "\n\n",
    )
    me = str(draft.id)
    return Card(
        text,
        (
            (
                Button("Go without template", "template", me, {"name": ""}),
                Button("✖️ Cancel", "drop", me),
            ),
        ),
    )
