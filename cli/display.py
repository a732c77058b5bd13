"""How tasks, events and diffs look in a terminal. Takes the JSON of `core.wire`, gives text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

Json = Mapping[str, Any]

BELOW = "\n" + 10 * " "  # so that nothing an agent says looks like an event of its own
_COLOURS = {"COMPLETED": "green", "FAILED": "red", "CANCELLED": "yellow", "WAITING": "magenta"}
_DIFF_COLOURS = (("+++", None), ("---", None), ("@@", "cyan"), ("+", "green"), ("-", "red"))


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_json_line(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


def state(task: Json) -> str:
    """The status, and behind it what became of the change."""
    review = task["review"]
    after = f" · {review['state'].replace('_', ' ')}" if review else ""
    return click.style(task["status"], fg=_COLOURS.get(task["status"], "cyan")) + after


def line(task: Json) -> str:
    task = plain(task)
    return f"{task['id']}  {state(task)}  {task['project']}  {task['title']}"


def summary(task: Json) -> str:
    """One task on one screen: what was asked, what came of it, what can be done next."""
    task = plain(task)
    rows = [click.style(task["title"], bold=True), f"{task['id']} · {state(task)}"]
    rows.append(f"project {task['project']} · agent {task['agent']}")
    if task["branch"]:
        rows.append(f"branch  {task['branch']}")
    if task["question"]:
        rows += _question(task)
    if task["error"]:
        rows.append(click.style(f"error   {task['error']['message']}", fg="red"))
    if task["answer"]:
        rows += ["", task["answer"]]
    if task["review"] and (lines := list(review_lines(task["review"]))):
        rows += ["", *lines]
    if task["cost_usd"]:
        rows.append(f"cost    ${task['cost_usd']:.2f}")
    hint = next_step(task)
    return "\n".join([*rows, *(["", hint] if hint else [])])


def _question(task: Json) -> Iterator[str]:
    question = task["question"]
    yield click.style(f"asks    {question['text']}", fg="magenta")
    if question["detail"]:
        yield f"        {question['detail']}"
    choices = "|".join(question["options"])
    if question["kind"]:
        yield f"        gofer answer {task['id']} {question['request_id']} {choices}"
    else:  # a question in words; whatever is said answers it
        yield f'        gofer steer {task["id"]} "{choices or "…"}"'


def review_lines(review: Json) -> Iterator[str]:
    for change in review["files"]:
        counts = "binary" if change["added"] is None else f"+{change['added']} −{change['removed']}"
        path = change["path"].replace("\n", "�").replace("\t", "�")
        accepted = "  accepted" if change.get("accepted") else ""
        yield f"  {change['status']:<9} {path}  {counts}{accepted}"
    if review["files"]:
        yield f"{len(review['files'])} changed, +{review['added']} −{review['removed']}"
    if review["check"]:
        before = f" (before: {review['check_before']})" if review["check_before"] else ""
        colour = "green" if review["check"] == "passed" else "red"
        yield "check   " + click.style(review["check"], fg=colour) + before
    for note in review["notes"]:
        yield f"note    {note}"
    if review["merged_commit"]:
        yield f"merged  {review['merged_commit'][:10]} into {review['target']}"
    if review["url"]:
        yield f"pull request {review['url']}"
    if review.get("waits"):
        yield f"unsent  The pull request has not got the newest work. {review['waits']}"


def cleaned(removed: Json) -> str:
    """What a clean-up freed, or would free."""
    verb = "would go" if removed["dry_run"] else "gone"
    kinds = ("worktrees", "transcripts", "tasks")
    rows = [[kind, f"{len(removed[kind])} {verb}", " ".join(removed[kind])] for kind in kinds]
    return table(rows)


def next_step(task: Json) -> str | None:
    review = task["review"]
    name = task["id"]
    match task["status"], review and review["state"]:
        case "COMPLETED", "open" if review["files"]:
            steps = ["diff", "merge", "discard"]
        case "COMPLETED", "pull_request" if review.get("waits"):
            steps = ["diff", "pr"]
        case _, "merged":
            steps = ["undo --merge"]
        case _, "discarded":
            steps = ["restore"]
        case (("FAILED" | "CANCELLED"), "open") if review["files"]:
            steps = ["retry", "logs", "diff", "discard"]
        case (("FAILED" | "CANCELLED"), _):
            steps = ["retry", "logs"]
        case _:
            return None
    return "Next: " + " · ".join(f"gofer {step} {name}" for step in steps)


def diff(text: str) -> str:
    return "\n".join(_coloured(row) for row in plain(text).splitlines())


def _coloured(row: str) -> str:
    for prefix, colour in _DIFF_COLOURS:
        if row.startswith(prefix):
            return click.style(row, fg=colour, bold=colour is None)
    return row


def event(entry: Json) -> str | None:
    """One line for an event, further ones indented; None for those a person need not see."""
    payload = plain(entry["payload"])
    words = _event_words(payload.get("kind", ""), payload)
    return f"{entry['at'][11:19]}  {words.replace(chr(10), BELOW)}" if words else None


_WORDS = {
    "submitted": "submitted for {agent}",
    "run": "{agent} starts",
    "retry": "tries again ({message})",
    "fix": "the check is red; fixing turn {attempt} of {of}",
    "steer": "told by {by}: {text}",
    "review": "review: {state} (by {by})",
    "text": "{text}",
    "note": "{text}",
    "edit": "edits {path}",
    "completed": "ended: {outcome}",
}


def _event_words(kind: str, p: Json) -> str | None:
    match kind:
        case "status":
            return click.style(p["status"], fg=_COLOURS.get(p["status"], "cyan"))
        case "plan":
            return "plan: " + "; ".join(_step(step) for step in p["steps"])
        case "tool":
            return _tool(p)
        case "workspace":
            return f"branch {p['branch']} from {p['base'][:10]}"
        case "setup" | "check":
            return _check(kind, p)
        case "checkpoint":
            return f"checkpoint {p['head'][:10]}"
        case "command":
            code = p["exit_code"]
            return f"$ {p['command']}" + (f"  → {code}" if code is not None else "")
        case "question":
            return click.style(f"asks: {p['text']}", fg="magenta")
        case "answer":
            return f"{p['text'] or p['decision']} (by {p['by']})"
        case "error":
            return click.style(f"error: {p['message']}", fg="red")
        case _ if kind in _WORDS:
            return _WORDS[kind].format_map(p)
        case _:  # thinking, usage, and kinds that a newer hub may add
            return None


def plain(value: Any) -> Any:
    """Without control characters: what an agent says must not steer the owner's terminal."""
    match value:
        case str():
            return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in value)
        case list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case _:
            return value


def _tool(p: Json) -> str | None:
    """Its beginning or its failure; edits and commands have lines of their own."""
    if p["status"] == "failed":
        return click.style(f"{p['title']} failed", fg="red")
    own_line = p["tool"] in ("edit", "execute", "think")
    return None if own_line or p["status"] != "started" else str(p["title"])


def _check(kind: str, p: Json) -> str:
    verdict = click.style("passed", fg="green") if p["passed"] else click.style("failed", fg="red")
    when = f" {p['when']} the work" if kind == "check" and p.get("when") else ""
    return f"{kind}{when}: {verdict} in {p['seconds']:.1f} s"


def _step(step: Json) -> str:
    mark = {"done": "✓", "active": "▸"}.get(step["status"], "·")
    return f"{mark} {step['text']}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be."""
    if not rows:
        return ""
    widths = [
        max(len(click.unstyle(cell)) for cell in column) for column in zip(*rows, strict=True)
    ]
    return "\n".join(
        "  ".join(
            cell + " " * (width - len(click.unstyle(cell)))
            for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )
