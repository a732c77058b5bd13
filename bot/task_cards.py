"""What a task looks like in a chat: at work, asking, ended, reviewed. Pure: data in, a card out.

Every button that decides something carries the head it was shown for, every answer its request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bot.cards import LABEL, Button, Card, Rows, page, rows
from bot.steps import Steps
from bot.text import (
    Rich,
    bold,
    code,
    ends,
    fit,
    italic,
    join,
    markdown,
    plain,
    pre,
    shorten,
    tail,
    visible,
)
from core.model import (
    ACTIVE,
    ENDED,
    FileChange,
    Question,
    Review,
    ReviewState,
    Status,
    Task,
)

DETAIL = 2000  # of what is asked
ANSWER = 1200  # units of the agent's last message on a card; a longer one is sent before it, whole
MARKED = 4  # characters of Markdown are enough for one that is shown
FILES = 10
FILE_BUTTONS = 20
FILE_DIFF = 3000
TAIL = 600
NOTES = 4
NOTE = 120
TITLE = 120

STATUS_WORDS = {
    Status.CREATED: "⏳ Accepted",
    Status.QUEUED: "⏳ Waiting for its turn",
    Status.EXECUTING: "⚙️ Preparing the branch",
    Status.STREAMING: "⚙️ Working",
    Status.WAITING: "🙋 Waiting for your answer",
    Status.COMPLETED: "✅ Done",
    Status.FAILED: "❌ Failed",
    Status.CANCELLED: "⏹ Stopped",
}


def state_card(task: Task) -> Card:
    """Where a task stands, with what can be done about it."""
    if task.question is not None:
        return question_card(task, task.question)
    return ended_card(task) if task.status in ENDED else working_card(task, Steps())


def working_card(task: Task, steps: Steps, now: datetime | None = None) -> Card:
    if task.status in ENDED:
        return Card(join([_title(task), plain(f"{STATUS_WORDS[task.status]} · {_who(task)}")]))
    status = STATUS_WORDS[task.status]
    if task.after and task.status in {Status.CREATED, Status.QUEUED}:
        status = f"⏳ Waits for {task.after}"
    since = _elapsed(task, now) if now and task.status in ACTIVE else ""
    text = join(
        [
            join([_title(task), plain(" · ".join(p for p in (status, _who(task), since) if p))]),
            fit(steps.shown(), 3000),
        ],
        "\n\n",
    )
    return Card(text, ((Button("⏹ Stop", "stop", task.id),),), live=True)


def question_card(task: Task, question: Question) -> Card:
    heading = plain("🙋 ") + bold(shorten(visible(question.text), 600)) + plain(f"\n{_short(task)}")
    detail = pre(ends(visible(question.detail), DETAIL)) if question.detail else Rich()
    until = f"No answer by {question.expires_at.astimezone():%H:%M} means no."
    if question.kind is None:
        hint = plain("Tap one, or reply to this message in your own words.")
        if not question.options:
            hint = plain("Reply to this message with your answer, as text or voice.")
        return Card(join([heading, detail, hint], "\n\n"), _options(task, question))
    hint = plain(f"{until} So does a reply, which tells {task.agent} why.")
    return Card(join([heading, detail, hint], "\n\n"), _permission(task, question))


def answered_card(task: Task, text: str, decision: str, by: str) -> Card:
    """A question that waits no more."""
    return Card(join([plain(f"🙋 {shorten(text, 600)}"), plain(f"{decision} · {by}")]))


def ended_card(task: Task) -> Card:
    review = task.review
    parts = [
        join([_verdict(task), plain(_figures(task))]),
        fit(_beginning(task.answer), ANSWER) if task.answer else "",
        fit(plain(task.error.message), 400) if task.error and task.status is Status.FAILED else "",
        *(_review(review) if review else ()),
        _unsent(task),
        code(task.branch) if task.branch and review and review.files else "",
    ]
    return Card(join(parts, "\n\n"), ended_buttons(task))


def answer_is_cut(task: Task) -> bool:
    """Whether the card of an ended task shows only the beginning of its answer."""
    answer = task.answer or ""
    return len(answer) > MARKED * ANSWER or len(_beginning(answer).text) > ANSWER


def _beginning(answer: str) -> Rich:
    return markdown(answer[: MARKED * ANSWER])


def ended_buttons(task: Task) -> Rows:
    review, bound = task.review, {"head": task.head or ""}
    state = review.state if review else None

    def button(label: str, action: str) -> Button:
        return Button(label, action, task.id, bound)

    if state is ReviewState.MERGED:
        return ((button("📄 Diff", "diff"), button("↩️ Undo merge", "undo_merge")),)
    if state is ReviewState.DISCARDED:
        return ((button("♻️ Bring it back", "restore"),),)
    go_on = button("🔧 Fix" if review and review.check == "failed" else "💬 Go on", "fix")
    if review is None or not review.files:
        return ((go_on,),) if task.status is Status.COMPLETED else ((_again(task), go_on),)
    land: list[Button] = []
    if task.status is Status.COMPLETED:
        merge = "✅ Merge" if review.check != "failed" else "⚠️ Merge anyway"
        land = [button(merge, "merge"), button("Squash", "squash"), button("Pull request", "pr")]
    else:
        land = [_again(task)]
    url = review.url or ""  # words, for a host of an unknown kind
    opened = state is ReviewState.PULL_REQUEST and url.startswith("http")
    link = (Button("Pull request ↗", url=url),) if opened else ()
    if link and task.status is Status.COMPLETED and not review.waits:
        land.pop()  # it has all there is
    return (
        (*land, *link),
        (go_on, button("📄 Diff", "diff"), button("↩️ Undo", "undo")),
        (
            *((button("📂 Files", "files"),) if len(review.files) > 1 else ()),
            button("🗑 Discard", "discard"),
        ),
    )


def _again(task: Task) -> Button:
    """Bound to the run that ended: tapped twice, it is tried again once."""
    return Button("🔁 Try again", "retry", task.id, {"runs": str(len(task.runs))})


def files_card(task: Task, start: int = 0) -> Card:
    """The files of a change as buttons, `FILE_BUTTONS` at a time."""
    files = task.review.files if task.review else ()
    bound = {"head": task.head or "", "start": str(start)}
    buttons = [
        Button(_file_label(change), "file", task.id, {**bound, "path": change.path})
        for change in files
    ]

    def turn(label: str, to: int) -> Button:
        return Button(label, "files_more", task.id, {**bound, "start": str(to)})

    accepted = sum(change.accepted for change in files)
    size = _size(task) or "No file is changed any more."
    return Card(
        join(
            [
                plain("📂 ") + bold(shorten(task.title, TITLE)),
                plain(f"{size}{f' · {accepted} accepted' if accepted else ''}"),
            ]
        ),
        page(buttons, start, FILE_BUTTONS, 1, turn),
    )


def file_card(task: Task, change: FileChange, diff: str, start: str = "0") -> Card:
    """One file's diff, as much as a message holds, and what can be done about it."""
    bound = {"head": task.head or "", "path": change.path, "start": start}
    accept = () if change.accepted else (Button("✅ Accept", "file_accept", task.id, bound),)
    return Card(
        join([_file(change), fit(pre(visible(diff), "diff"), FILE_DIFF)]),
        (
            (*accept, Button("↩️ Put it back", "file_revert", task.id, bound)),
            (Button("‹ Files", "files_more", task.id, bound),),
        ),
    )


def confirm_card(task: Task, question: str, yes: str, action: str) -> Card:
    bound = {"head": task.head or ""}
    return Card(
        join([bold(question), plain(f"{_short(task)}\n{_size(task)}".rstrip())]),
        ((Button(yes, action, task.id, bound), Button("Not now", "keep", task.id)),),
    )


def plan_card(task: Task, plan: str) -> Card:
    """What a pull request would push, before it does."""
    again = task.review is not None and task.review.state is ReviewState.PULL_REQUEST
    verb = "Update" if again else "Open"
    return Card(
        join([bold(f"{verb} {'the' if again else 'a'} pull request?"), plain(plan)], "\n\n"),
        (
            (
                Button(f"{verb} it", "pr_open", task.id, {"head": task.head or ""}),
                Button("Not now", "keep", task.id),
            ),
        ),
    )


def conflict_card(task: Task, message: str) -> Card:
    return Card(
        join([bold("It does not merge cleanly."), plain(message)]),
        (
            (
                Button("🔧 Let the agent resolve it", "resolve", task.id),
                Button("Not now", "keep", task.id),
            ),
        ),
    )


def task_list(tasks: Sequence[Task], *, older: str | None) -> Card:
    if not tasks:
        return Card(plain("No tasks yet. Send me a voice note or a text, and one begins."))
    lines = [
        plain(f"{STATUS_WORDS[task.status].split()[0]} ")
        + code(task.id)
        + f" {shorten(task.title, 60)} · {_state(task)}"
        for task in tasks
    ]
    buttons = rows((Button(task.id, "show", task.id) for task in tasks), 4)
    if older:
        buttons = (*buttons, (Button("Older ›", "older", older),))
    return Card(join([bold("Newest tasks"), *lines]), buttons)


def pick_task(question: str, action: str, tasks: Iterable[Task]) -> Card:
    return Card(
        plain(question),
        rows((Button(shorten(f"{t.id} {t.title}", LABEL), action, t.id) for t in tasks), 1),
    )


def _options(task: Task, question: Question) -> Rows:
    return rows(
        (
            Button(
                shorten(option, LABEL),
                "answer",
                task.id,
                {"request": question.request_id, "text": option},
            )
            for option in question.options
        ),
        2,
    )


def _permission(task: Task, question: Question) -> Rows:
    def button(label: str, decision: str, grant: str) -> Button:
        args = {"request": question.request_id, "decision": decision, "grant": grant}
        return Button(label, "decide", task.id, args)

    wider = [button("Allow for this task", "allow", "task")]
    if question.kind == "execute":
        wider.append(button("Allow such commands 30 min", "allow", "prefix"))
    return (
        (button("✅ Allow", "allow", "once"), button("🚫 Deny", "deny", "once")),
        *rows(wider, 1),
    )


def _title(task: Task) -> Rich:
    return bold(shorten(task.title, TITLE)) + plain(f"  {task.id}")


def _short(task: Task) -> str:
    return f"{shorten(task.title, TITLE)} · {task.id}"


def _who(task: Task) -> str:
    return f"{task.project} · {task.agent}"


def _state(task: Task) -> str:
    if task.status in ENDED and task.review:
        return task.review.state.value.replace("_", " ")
    return task.status.value.lower()


def _verdict(task: Task) -> Rich:
    review = task.review
    word = STATUS_WORDS[task.status]
    if review and task.status is Status.COMPLETED:
        match review.state:
            case ReviewState.MERGED:
                word = f"🎉 Merged into {review.target or 'its target'}"
            case ReviewState.PULL_REQUEST:
                word = "📬 Pull request opened"
            case ReviewState.DISCARDED:
                word = "🗑 Discarded"
            case ReviewState.NO_CHANGE:
                word = "💬 Answered; nothing was changed"
            case ReviewState.OPEN if review.check == "failed":
                word = "⚠️ Done, but the check is red"
            case ReviewState.OPEN:
                word = "✅ Done"
    return plain(f"{word}\n") + _title(task)


def _figures(task: Task) -> str:
    cost = sum(run.cost_usd for run in task.runs)
    spent = [run.ended_at - run.started_at for run in task.runs if run.started_at and run.ended_at]
    parts = [_who(task), duration(sum(spent, timedelta())) if spent else ""]
    if cost:
        parts.append(f"${cost:.2f}")
    return " · ".join(part for part in parts if part)


def _review(review: Review) -> Iterable[Rich]:
    if review.files:
        count = len(review.files)
        heading = plain(f"{count} file{'s' * (count != 1)} · +{review.added} −{review.removed}")
        lines = [_file(change) for change in review.files[:FILES]]
        if count > FILES:
            lines.append(plain(f"… and {count - FILES} more"))
        yield join([heading, *lines])
    if review.check == "passed":
        before = " (it was red before)" if review.check_before == "failed" else ""
        yield plain(f"✓ The check passed{before}.")
    elif review.check == "failed":
        before = " It was red before, too." if review.check_before == "failed" else ""
        yield join(
            [plain(f"✗ The check failed.{before}"), pre(tail(review.check_tail.strip(), TAIL))]
        )
    if review.notes:
        yield join(
            [
                italic("Worth a look:"),
                *(plain(f"• {shorten(text, NOTE)}") for text in review.notes[:NOTES]),
            ]
        )


def _unsent(task: Task) -> Rich:
    """What the pull request has not got."""
    review = task.review
    if review is None or review.state is not ReviewState.PULL_REQUEST:
        return Rich()
    if review.waits:
        way = " Tap “Pull request” to send it." if task.status is Status.COMPLETED else ""
        return plain(f"⏸ The pull request has not got the newest work. {review.waits}{way}")
    if review.pushed not in (None, task.head):
        return plain("📤 The newest work is being sent to the pull request.")
    return Rich()


def _file(change: FileChange) -> Rich:
    name = _name(f"{change.old_path} → {change.path}" if change.old_path else change.path)
    seen = " ✓" if change.accepted else ""
    return plain(f"{_letter(change)} ") + code(shorten(name, 80)) + f" {_counts(change)}{seen}"


def _name(path: str) -> str:
    """A line break in it is no space."""
    return visible(path).replace("\n", "\\n")


def _file_label(change: FileChange) -> str:
    """The end of a path tells more than its beginning."""
    seen = "✓ " if change.accepted else ""
    return f"{seen}{_letter(change)} {tail(_name(change.path), LABEL)} {_counts(change)}"


def _letter(change: FileChange) -> str:
    return {"added": "A", "deleted": "D", "renamed": "R"}.get(change.status, "M")


def _counts(change: FileChange) -> str:
    return "binary" if change.added is None else f"+{change.added} −{change.removed or 0}"


def _size(task: Task) -> str:
    review = task.review
    if review is None or not review.files:
        return ""
    count = len(review.files)
    check = {"passed": " · check passed", "failed": " · check failed"}.get(review.check or "", "")
    return f"{count} file{'s' * (count != 1)} · +{review.added} −{review.removed}{check}"


def _elapsed(task: Task, now: datetime) -> str:
    started = task.runs[-1].started_at if task.runs else None
    return duration(now - started) if started else ""


def duration(span: timedelta) -> str:
    seconds = max(int(span.total_seconds()), 0)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
