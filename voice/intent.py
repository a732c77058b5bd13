"""What a request asks for, read from its text by the phrases of its language.

Order of reading: a follow-up ("merge it"), then project, agent and mode, then the kind of request
and what it is about. Whatever is not plainly there stays None: a wrong guess costs more than a tap.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from core.hearing import Intent
from voice.sentences import Mention, Sentence, sentences_of
from voice.slots import read_slots
from voice.spoken import Language, find_phrase


def read_intent(
    text: str,
    mentions: Sequence[Mention],
    speech: Language,
    *,
    projects: Sequence[str],
    templates: Sequence[str],
    agents: Sequence[str],
) -> Intent:
    sentences = sentences_of(text)
    whole = Sentence.of(text)
    action = _action(whole, speech)
    if action and action != "also":
        return Intent(action=action)
    read_only = any(
        whole.says(phrase) is not None for phrase in speech.phrases("read_only", "phrases")
    )
    template = _template(sentences_of(text, ".!?,;"), speech, read_only)
    if template not in templates:
        template = None
    return Intent(
        project=_project(whole, projects, speech),
        template=template,
        slots=read_slots(template, sentences, mentions, speech) if template else {},
        agent=_agent(whole, agents, speech),
        action=action,
        read_only=read_only,
    )


def _action(whole: Sentence, speech: Language) -> str | None:
    """A follow-up, if the note is nothing else; "also" may introduce more."""
    polite = speech.words("actions", "polite")
    words = [word for word in whole.words if word not in polite]
    for action in speech.data["actions"]:
        if action in ("polite", "also"):
            continue
        if any(tuple(words) == phrase for phrase in speech.phrases("actions", action)):
            return str(action)
    also = speech.phrases("actions", "also")
    return "also" if any(whole.starts(phrase) for phrase in also) else None


def _template(clauses: Sequence[Sentence], speech: Language, read_only: bool) -> str | None:
    constraints = speech.phrases("slots", "constraints")
    telling = [s for s in clauses if not any(s.starts(phrase) for phrase in constraints)]
    inner = {after for before, after in pairwise(clauses) if before.text.endswith(",")}
    asked = [s for s in telling if _is_question(s, speech, s in inner)]
    if read_only or (asked and len(asked) == len(telling)):
        return "question"
    told = [s for s in telling if s not in asked]
    found = _earliest(told, speech)
    return found or ("question" if asked else None)


def _is_question(sentence: Sentence, speech: Language, inner: bool) -> bool:
    """ "…, which is new" within a sentence asks nothing."""
    relative = speech.words("question", "relative")
    if inner and sentence.words[0] in relative and not sentence.text.endswith("?"):
        return False
    starts = speech.phrases("question", "starts")
    anywhere = speech.phrases("question", "anywhere")
    return any(sentence.starts(phrase) for phrase in starts) or any(
        sentence.says(phrase) is not None for phrase in anywhere
    )


def _earliest(sentences: Sequence[Sentence], speech: Language) -> str | None:
    """Tests and components by any of their phrases; else what is said first."""
    best: tuple[int, int] | None = None
    chosen: str | None = None
    for rank, template in enumerate(speech.data["templates"]):
        for number, sentence in enumerate(sentences):
            for phrase in template["phrases"]:
                place = sentence.says(phrase.split())
                if place is None:
                    continue
                if rank < 2:
                    return str(template["name"])
                if best is None or (number, place) < best:
                    best, chosen = (number, place), str(template["name"])
    return chosen


def _project(whole: Sentence, projects: Sequence[str], speech: Language) -> str | None:
    """ "in the web app": a project's name behind a word that leads there, or before its noun."""
    leads = speech.words("projects", "leads")
    nouns = speech.words("projects", "nouns")
    articles = speech.words("determiners")
    for project in sorted(projects, key=len, reverse=True):
        name = re.findall(r"[^\W_]+", project.lower())
        place = find_phrase(whole.words, name) if name else None
        if place is None:
            continue
        before = [word for word in whole.words[max(0, place - 2) : place] if word not in articles]
        after = whole.words[place + len(name) : place + len(name) + 1]
        if set(after) & nouns or (before and before[-1] in leads):
            return project
    return None


def _agent(whole: Sentence, agents: Sequence[str], speech: Language) -> str | None:
    leads = speech.words("agents", "leads")
    for agent in agents:
        name = re.findall(r"[^\W_]+", agent.lower())
        place = find_phrase(whole.words, name) if name else None
        if place is not None and (place == 0 or whole.words[place - 1] in leads):
            return agent
    return None
