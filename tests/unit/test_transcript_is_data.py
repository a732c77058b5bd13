"""A transcript is words: never an option, a file to read, a template's code or a shell's."""

from __future__ import annotations

import pytest

from core.model import TrackedFile
from core.templates import BUILTIN, Templates
from voice.understanding import understand
from voice.vocabulary import Vocabulary

SHOP = Vocabulary.of_paths([TrackedFile("src/cart.py", "1")])
HOSTILE = (
    "--help; rm -rf /",
    "-c 'import os'",
    "Fix {{ 7 * 7 }} and {% include '/etc/passwd' %} in it",
    "{{ ''.__class__.__mro__ }}",
    "@/etc/passwd",
    "$(touch /tmp/owned) `id` && true | cat > x",
    "%s %(name)s {0.__class__} \\x00",
)
NAMES = ("bug_fix", "unit_tests", "refactor", "explain", "react_component")


@pytest.mark.parametrize("said", HOSTILE)
def test_hostile_words_reach_the_prompt_as_they_were_said(said: str) -> None:
    understood = understand(said, SHOP, templates=NAMES, agents=("claude",))
    assert understood.raw_text == said
    prompt = Templates([BUILTIN]).render(None, understood.text, {})
    assert prompt == understood.text
    for word in ("49", "root:", "owned/"):
        assert word not in prompt


@pytest.mark.parametrize("said", HOSTILE)
def test_a_template_shows_hostile_words_and_runs_nothing(said: str) -> None:
    templates = Templates([BUILTIN])
    arguments = {"file": "src/cart.py", "description": said, "constraints": [said]}
    prompt = templates.render("bug_fix", said, arguments)
    assert said in prompt
    assert "49" not in prompt
    assert "root:" not in prompt
