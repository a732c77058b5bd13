"""What a request asks for, read from its text by the phrases of its language.

Order of reading: a follow-up ("merge it"), then project, agent and mode, then the kind of request
and what it is about. Whatever is not plainly there stays None: a wrong guess costs more than a tap.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from core.hearing import Intent
from voice.alignment import sounds_like
from voice.sentences import Mention, Sentence, sentences_of
from voice.slots import read_slots
from voice.sounds import sounds_of
from voice.spoken import Language, find_phrase, tokenize

_NO_ACTIONS = ("polite", "also", "judging")  # of the table
ACTION_HEARD = 0.75  # how much like the verb of a follow-up another word must sound
ACTION_SOUNDS = 4  # of a verb that can be told by them: "pin it" is not "bin it"


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
    read_only = _is_read_only(whole, speech)
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
    if any(whole.starts(phrase) for phrase in speech.phrases("actions", "also")):
        return "also"
    *judging, last = sentences_of(whole.text, ".!?,;") or [whole]
    if judging and all(s.words[0] in speech.words("actions", "judging") for s in judging):
        return _follow_up(whole, speech) or _follow_up(last, speech)
    return _follow_up(whole, speech)


def _follow_up(whole: Sentence, speech: Language) -> str | None:
    words = _without_courtesy(whole.words, speech.phrases("actions", "polite"))
    actions: list[str] = [name for name in speech.data["actions"] if name not in _NO_ACTIONS]
    said = [(name, phrase) for name in actions for phrase in speech.phrases("actions", name)]
    for name, phrase in said:
        if len(phrase) == len(words) and find_phrase(words, phrase) == 0:
            return name
    tokens = tokenize(" ".join(words), speech)
    for name, phrase in said:
        alike = 1 < len(phrase) == len(words) and phrase[1:] == tuple(words[1:])
        alike = alike and len(sounds_of(phrase[0])) >= ACTION_SOUNDS
        if alike and sounds_like(tokens[:1], phrase[0], ACTION_HEARD):
            return name
    return None


def _without_courtesy(words: Sequence[str], polite: Sequence[Sequence[str]]) -> Sequence[str]:
    """ "Great, you can merge it now, please" as "merge it", "stop, stop" as "stop"."""
    changed = True
    while changed and words:
        changed = False
        for phrase in polite:
            length = len(phrase)
            if length < len(words) and find_phrase(words[:length], phrase) == 0:
                words, changed = words[length:], True
            if length < len(words) and find_phrase(words[-length:], phrase) == 0:
                words, changed = words[:-length], True
    return words[:1] if len(set(words)) == 1 else words


def _is_read_only(whole: Sentence, speech: Language) -> bool:
    """ "don't change anything", but not "… anything in the footer"."""
    unless = speech.words("read_only", "unless")
    for phrase in speech.phrases("read_only", "phrases"):
        place = whole.says(phrase)
        if place is not None and not unless & set(whole.words[place + len(phrase) :][:1]):
            return True
    return False


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
    polite = speech.words("actions", "polite")
    begins = next((n for n, word in enumerate(sentence.words) if word not in polite), 0)
    asking = Sentence(sentence.text, sentence.words[begins:])
    anywhere = speech.phrases("question", "anywhere")
    return any(sentence.starts(p) or asking.starts(p) for p in starts) or any(
        sentence.says(phrase) is not None for phrase in anywhere
    )


def _earliest(sentences: Sequence[Sentence], speech: Language) -> str | None:
    """Tests and components by any of their phrases; else what is said first."""
    best: tuple[int, int] | None = None
    chosen: str | None = None
    for rank, template in enumerate(speech.data["templates"]):
        for number, sentence in enumerate(sentences):
            place = _place_of(template, sentence)
            if place is None:
                continue
            if rank < 2:
                return str(template["name"])
            if best is None or (number, place) < best:
                best, chosen = (number, place), str(template["name"])
    return chosen


def _place_of(template: Mapping[str, Any], sentence: Sentence) -> int | None:
    """Where the first phrase of a template is; some count only at the start of a sentence."""
    if any(sentence.starts(phrase.split()) for phrase in template.get("starts", ())):
        return 0
    places = [sentence.says(phrase.split()) for phrase in template["phrases"]]
    known = template.get("not_behind", ())  # "the tests for it fail" asks for none
    said = [place for place in places if place is not None]
    return min((p for p in said if not p or sentence.words[p - 1] not in known), default=None)


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
    """ "with Gemini", "Codex, …"; not "the Gemini model"."""
    leads = speech.phrases("agents", "leads")
    things = speech.words("agents", "things")
    for agent in agents:
        heard = [" ".join(re.findall(r"[^\W_]+", agent.lower()))]
        for name in (*heard, *speech.data["agents"]["said"].get(agent, ())):
            words = name.split()
            place = find_phrase(whole.words, words) if words else None
            if place is None or things & set(whole.words[place + len(words) :][:1]):
                continue
            before = whole.words[:place]
            exact = name in heard
            if (place == 0 and exact) or any(before[-len(lead) :] == lead for lead in leads):
                return agent
    return None
