"""From what was said to a task: propose, choose, ask for what is missing, correct, run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from bot.cards import Choices, draft_card, edit_prompt
from bot.desk import Desk, Tap, origin
from core.errors import GoferError, NotFound, Refused, UserError
from core.hearing import Heard
from core.model import Mode, Submission
from core.store.conversation import Draft, DraftState, Waiting
from core.templates import Argument

NO_PROJECT = "There is no project yet. Add one on your machine: gofer projects add FOLDER"
LONGEST_CORRECTION = 5  # words; longer changes are new wording, not a word heard wrongly


class Closed(Refused):
    """This one is started or dropped already."""


async def propose(desk: Desk, draft: Draft, heard: Heard) -> None:
    """Fill a draft with what was understood, and show it."""
    chat = await desk.conversation.chat(draft.chat_id)
    intent = heard.intent
    template = intent.template if intent.template in _template_names(desk) else None
    installed = {agent.name for agent in await desk.agents.available() if agent.installed}
    draft = replace(
        draft,
        state=DraftState.OPEN,
        text=heard.text,
        raw_text=heard.raw_text,
        replacements=heard.replacements,
        notice=heard.notice,
        project=_project(desk, intent.project, chat.project),
        template=template,
        arguments=_known_arguments(desk, template, intent.slots),
        agents=(intent.agent,) if intent.agent in installed else (),
        look_only=intent.read_only,
    )
    await show(desk, draft)


async def show(desk: Desk, draft: Draft) -> None:
    """In its message, or in a new one. Saved before: its buttons may be tapped at once."""
    await desk.conversation.save_draft(draft)
    card = draft_card(draft, await choices(desk, draft))
    shown = draft.message_id
    if shown is None or not await desk.sender.edit(draft.chat_id, shown, card):
        sent = await desk.sender.send(draft.chat_id, card, silent=True)
        await desk.conversation.set_message(draft, sent)


async def show_below(desk: Desk, draft: Draft) -> None:
    """Move it under what the person just sent."""
    if draft.message_id is not None:
        await desk.sender.delete(draft.chat_id, draft.message_id)
    await show(desk, replace(draft, message_id=None))


async def choices(desk: Desk, draft: Draft) -> Choices:
    project = desk.project(draft.project)
    return Choices(
        templates=_template_names(desk),
        projects=[p.name for p in desk.projects.all()],
        agents=await desk.agents.available(),
        agent=(project.agent if project else None) or desk.settings.default_agent,
        ask=_missing(desk, draft),
    )


# --- taps ----------------------------------------------------------------------------------------


async def run(desk: Desk, tap: Tap) -> str | None:
    """Again (a crash interrupted it) gives the same tasks, and shows them if nothing does yet."""
    draft = await _tapped(desk, tap, DraftState.OPEN, DraftState.SENT)
    if draft.project is None:
        if not desk.projects.all():
            raise UserError(NO_PROJECT)
        await show(desk, replace(draft, picking="project"))
        return "Which project?"
    if draft.state is DraftState.OPEN and _missing(desk, draft):
        await _ask(desk, draft)
        return None
    tasks = await desk.engine.submit(
        Submission(
            instructions=draft.text,
            project=draft.project,
            agents=draft.agents,
            template=draft.template,
            arguments=draft.arguments,
            mode=Mode.ASK if draft.look_only else None,
            origin=origin(draft.chat_id),
            key=f"telegram:{draft.id}",
        )
    )
    await desk.conversation.save_draft(replace(draft, state=DraftState.SENT))
    await desk.conversation.set_project(draft.chat_id, draft.project)
    for nth, task in enumerate(tasks):
        await desk.progress.watch(
            task,
            draft.chat_id,
            f"working:{task.id}:{draft.id}",
            message_id=draft.message_id if nth == 0 else None,
        )
    return "Started."


async def choose_template(desk: Desk, tap: Tap) -> str | None:
    draft = await _tapped(desk, tap)
    name = tap.args["name"]
    if not name or name == draft.template:
        await show(desk, replace(draft, template=None, arguments={}, asking=None))
        await wait_no_more(desk, draft.chat_id, tap.subject)
        return None
    heard = await desk.hearing.understand(draft.text, project=desk.project(draft.project))
    arguments = _known_arguments(desk, name, heard.intent.slots)
    draft = await _tapped(desk, tap)  # as it is now: understanding takes a while
    await _ask(desk, replace(draft, template=name, arguments=arguments))
    return None


async def pick(desk: Desk, tap: Tap) -> str | None:
    start = int(tap.args.get("start", "0"))
    return await _change(desk, tap, picking=tap.args["what"], start=start)


async def back(desk: Desk, tap: Tap) -> str | None:
    await wait_no_more(desk, tap.chat_id, tap.subject)
    return await _change(desk, tap)


async def choose_project(desk: Desk, tap: Tap) -> str | None:
    await desk.conversation.set_project(tap.chat_id, tap.args["name"])
    return await _change(desk, tap, project=tap.args["name"])


async def choose_agent(desk: Desk, tap: Tap) -> str | None:
    draft = await _tapped(desk, tap)
    name, most = tap.args["name"], desk.settings.max_agents_per_task
    if most == 1:
        return await _change(desk, tap, agents=(name,))
    chosen = tuple(a for a in draft.agents if a != name)
    if name not in draft.agents:
        chosen = (*chosen, name)[-most:]
    await show(desk, replace(draft, agents=chosen, picking="agent"))
    return None


async def choose_word(desk: Desk, tap: Tap) -> str | None:
    """Decide a name that could have been one of several."""
    draft = await _tapped(desk, tap)
    nth, choice = int(tap.args["nth"]), tap.args["choice"]
    change = draft.replacements[nth]
    decided = replace(change, written=choice, choices=())
    replacements = (*draft.replacements[:nth], decided, *draft.replacements[nth + 1 :])
    text = draft.text.replace(change.written, choice, 1)
    if choice != change.written and (project := desk.project(draft.project)):
        await desk.hearing.correct(project, change.heard, choice)
    await show(desk, replace(draft, text=text, replacements=replacements))
    return None


async def as_spoken(desk: Desk, tap: Tap) -> str | None:
    draft = await _tapped(desk, tap)
    await show(desk, replace(draft, text=draft.raw_text, replacements=()))
    return None


async def look_only(desk: Desk, tap: Tap) -> str | None:
    draft = await _tapped(desk, tap)
    await show(desk, replace(draft, look_only=not draft.look_only))
    return None


async def edit(desk: Desk, tap: Tap) -> str | None:
    draft = await _tapped(desk, tap)
    await desk.conversation.save_draft(draft)
    await desk.conversation.set_waiting(draft.chat_id, Waiting.for_("edit", str(draft.id)))
    await desk.sender.edit(draft.chat_id, tap.message_id, edit_prompt(draft))
    return None


async def drop(desk: Desk, tap: Tap) -> str | None:
    draft = await _tapped(desk, tap, *DraftState)
    if draft.state is DraftState.SENT or (draft.state is DraftState.DROPPED and not draft.text):
        raise Closed  # without a text it was closed otherwise: what was said became something else
    dropped = replace(draft, state=DraftState.DROPPED)
    await desk.conversation.save_draft(dropped)
    await wait_no_more(desk, draft.chat_id, tap.subject)
    if job := desk.hearings.get(draft.id):
        job.cancel()
    await show(desk, dropped)
    return "Dropped."


# --- what a person sends while a draft waits for it ----------------------------------------------


async def corrected(desk: Desk, draft: Draft, text: str) -> None:
    project = desk.project(draft.project)
    if draft.spoken and project is not None:
        for heard, written in corrections(draft, text):
            await desk.hearing.correct(project, heard, written)
    await wait_no_more(desk, draft.chat_id, str(draft.id))
    kept = tuple(change for change in draft.replacements if change.written in text)
    await show_below(desk, replace(draft, text=text, replacements=kept, asking=None, picking=None))


async def joined(desk: Desk, draft: Draft, rest: str, update_id: int) -> None:
    """The rest of a text that was too long for one message. Doing it twice is doing it once."""
    if draft.last_part != update_id:
        text, raw_text = f"{draft.text}\n{rest}", f"{draft.raw_text}\n{rest}"
        draft = replace(draft, text=text, raw_text=raw_text, last_part=update_id)
    await show(desk, draft)


async def rewritten(desk: Desk, draft: Draft, understood: Heard) -> None:
    """The message it came from was edited; what was chosen since stays chosen."""
    text, raw_text = understood.text, understood.raw_text
    changes = understood.replacements
    await show(desk, replace(draft, text=text, raw_text=raw_text, replacements=changes))


async def argument_given(desk: Desk, draft: Draft, name: str, text: str) -> None:
    arguments = {**draft.arguments, name: text}
    if draft.message_id is not None:
        await desk.sender.delete(draft.chat_id, draft.message_id)
    await _ask(desk, replace(draft, arguments=arguments, message_id=None))


def corrections(draft: Draft, text: str) -> Iterable[tuple[str, str]]:
    """(heard, written) for the words that were put right."""
    old, new = draft.text.split(), text.split()
    spoken = {change.written: change.heard for change in draft.replacements}
    for operation, a, b, c, d in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if operation == "replace" and max(b - a, d - c) <= LONGEST_CORRECTION:
            heard = " ".join(old[a:b]).strip(".,;:!?")
            yield spoken.get(heard, heard), " ".join(new[c:d]).strip(".,;:!?")


async def _ask(desk: Desk, draft: Draft) -> None:
    """For the next thing that is missing, or show the whole when nothing is."""
    ask = _missing(desk, draft)
    if ask is not None:
        await desk.conversation.set_waiting(draft.chat_id, Waiting.for_("argument", str(draft.id)))
    else:
        await wait_no_more(desk, draft.chat_id, str(draft.id))
    await show(desk, replace(draft, asking=ask.name if ask else None, picking=None))


async def wait_no_more(desk: Desk, chat_id: int, subject: str) -> None:
    """The next message in this chat is not about that draft or task by itself."""
    waiting = (await desk.conversation.chat(chat_id)).waiting
    if waiting is not None and waiting.subject == subject:
        await desk.conversation.set_waiting(chat_id, None)


async def _change(desk: Desk, tap: Tap, **changes: object) -> str | None:
    draft = await _tapped(desk, tap)
    changed: Draft = replace(draft, **{"picking": None, "asking": None, **changes})  # type: ignore[arg-type]
    await show(desk, changed)
    return None


async def _tapped(desk: Desk, tap: Tap, *states: DraftState) -> Draft:
    """The draft that was tapped, in one of these states (else open); nothing more is sent for it.

    Raises Closed.
    """
    draft = await desk.conversation.draft(int(tap.subject))
    if draft is None or draft.state not in (states or (DraftState.OPEN,)):
        raise Closed
    return replace(draft, message_id=tap.message_id, rest_until=0.0)


def _missing(desk: Desk, draft: Draft) -> Argument | None:
    if draft.template is None:
        return None
    try:
        template = desk.templates.get(draft.template)
    except GoferError:
        return None
    return next(iter(template.missing(draft.text, draft.arguments)), None)


def _known_arguments(desk: Desk, template: str | None, slots: object) -> dict[str, object]:
    if template is None or not isinstance(slots, Mapping):
        return {}
    try:
        known = {argument.name for argument in desk.templates.get(template).arguments}
    except NotFound:
        return {}
    return {name: value for name, value in slots.items() if name in known and value}


def _template_names(desk: Desk) -> Sequence[str]:
    return [template.name for template in desk.templates.all()]


def _project(desk: Desk, *names: str | None) -> str | None:
    known = [project.name for project in desk.projects.all()]
    return next((name for name in names if name in known), known[0] if len(known) == 1 else None)
