"""What deserves a look in a change: rules as data, in the order in which they are told."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.model import FileChange
from git_ops.git import plain
from git_ops.review import CUT_OFF

SHOWN = 5  # file names in one note


@dataclass(frozen=True, slots=True)
class Rule:
    """A note about changed files whose path matches; `statuses` empty means any change."""

    words: str
    path: re.Pattern[str]
    statuses: frozenset[str] = frozenset()
    holds: bool = False  # not to be pushed before the owner has seen it


def _rule(words: str, path: str, *statuses: str, holds: bool = False) -> Rule:
    return Rule(words, re.compile(path, re.IGNORECASE), frozenset(statuses), holds)


RULES = (
    _rule(
        "Makes tools run code",
        r"(^|/)(\.claude|\.codex|\.gemini|\.cursor|\.husky|\.githooks|\.vscode|\.idea"
        r"|\.devcontainer)/|(^|/)(\.mcp\.json|\.gitattributes|\.gitmodules|\.lfsconfig|\.envrc"
        r"|\.pre-commit-config\.yaml|lefthook\.ya?ml|\.npmrc|\.yarnrc(\.yml)?|conftest\.py"
        r"|sitecustomize\.py|\.pth)$",
        holds=True,
    ),
    _rule(
        "Changes what CI does",
        r"^\.(github|gitlab|circleci|buildkite|woodpecker|forgejo|gitea)/"
        r"|(^|/)(\.gitlab-ci\.yml|\.travis\.yml|Jenkinsfile|azure-pipelines\.yml"
        r"|bitbucket-pipelines\.yml|\.woodpecker\.ya?ml|appveyor\.yml)$",
        holds=True,
    ),
    _rule(
        "Changes dependencies",
        r"(^|/)(package(-lock)?\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?"
        r"|pyproject\.toml|poetry\.lock|uv\.lock|Pipfile(\.lock)?|setup\.(py|cfg)"
        r"|requirements[^/]*\.(txt|in)|Cargo\.(toml|lock)|go\.(mod|sum)|Gemfile(\.lock)?"
        r"|composer\.(json|lock)|pom\.xml|build\.gradle(\.kts)?|[^/]*\.csproj|mix\.(exs|lock))$",
        holds=True,
    ),
    _rule(
        "Changes tests",
        r"(^|/)(tests?|__tests__|specs?)/|(^|/)test_[^/]*\.py$|_test\.(py|go|rb|exs)$"
        r"|\.(test|spec)\.[a-z]+$|Tests?\.(java|kt|cs|swift)$",
        "modified",
        "deleted",
        "renamed",
        "mode",
    ),
    _rule("Deletes", r"", "deleted"),
    _rule("Changes modes or types", r"", "mode"),
    _rule(
        "Looks like a secret",
        r"(^|/)(\.env(\.[^/]*)?|id_(rsa|dsa|ecdsa|ed25519)|credentials(\.json)?|\.netrc|\.pgpass"
        r"|[^/]*\.(pem|key|p12|pfx|jks|keystore|kdbx))$",
        "added",
        "modified",
        "renamed",
        holds=True,
    ),
)

SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b"
    r"|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}|\bxox[abposr]-[\w-]{10,}|\bsk-[A-Za-z0-9_-]{32,}"
    r"|\bAIza[\w-]{35}\b|\b\d{8,10}:AA[\w-]{33}\b"
    r"|(?i:(?:secret|passw(?:or)?d|api_?key|token)\w*[\"']?\s*[:=]\s*[\"'][^\s\"']{12,}[\"'])"
)

LINK = re.compile(
    r"^(?:new file mode 120000\nindex .*|index \S+ 120000)\n--- .*\n\+\+\+ (?:b/)?(.*?)\t?\n@@ .*\n"
    r"(?:-.*\n(?:\\ .*\n)?)?\+(.*)$",
    re.MULTILINE,
)
TOO_MUCH = "Too much changed to be looked through to its end for secrets and links."


def notes_on(files: Sequence[FileChange], rules: Sequence[Rule] = RULES) -> list[str]:
    """What the names and kinds of the changed files say."""
    notes = []
    for rule in rules:
        hits = list(dict.fromkeys(file.path for file in files if _applies(rule, file)))
        if hits:
            notes.append(f"{rule.words}: {listed(hits)}.")
    masked = [file.path for file in files if not file.path.isprintable()]
    return [*notes, f"Names that look like others: {listed(masked)}."] if masked else notes


def holding(files: Sequence[FileChange]) -> list[str]:
    """What of that the owner has to see before it is pushed: it leaks, or runs where it lands."""
    return notes_on(files, [rule for rule in RULES if rule.holds])


def _applies(rule: Rule, file: FileChange) -> bool:
    if rule.statuses and file.status not in rule.statuses:
        return False
    return any(rule.path.search(name) for name in (file.path, file.old_path) if name is not None)


def notes_in(diff: str, history: str = "") -> list[str]:
    """What the lines of a unified diff say; `history` is that of each commit on the way."""
    cut = [TOO_MUCH] if any(text.endswith(f"{CUT_OFF}\n") for text in (diff, history)) else []
    return [*markers_in(diff), *secrets_in(diff, history), *links_out(diff), *cut]


def markers_in(diff: str) -> list[str]:
    """Files of a unified diff in which a conflict was not resolved."""
    hits = [
        part.partition("\n")[0]
        for part in diff.split("\n+++ b/")[1:]
        if "\n+<<<<<<< " in part and "\n+>>>>>>> " in part
    ]
    return [f"Conflict markers are left in: {listed(hits)}."] if hits else []


def secrets_in(diff: str, history: str = "") -> list[str]:
    """Files of a unified diff with added lines that look like secrets; never the secret itself.

    What one commit added and a later one took away again is in the branch all the same.
    """
    now, ever = _secrets(diff), _secrets(history)
    gone = [path for path in ever if path not in now]
    here = [f"Adds what looks like a secret: {listed(list(now))}."] if now else []
    there = [f"What looks like a secret is in an earlier commit: {listed(gone)}."] if gone else []
    return here + there


def _secrets(diff: str) -> dict[str, None]:
    hits: dict[str, None] = {}
    current = ""
    for line in diff.splitlines():
        if line.startswith("+++ "):
            current = line.removeprefix("+++ ").removeprefix("b/")
        elif line.startswith("+") and len(line) < 5000 and SECRETS.search(line):
            hits[current] = None
    return hits


def links_out(diff: str) -> list[str]:
    """Links in a unified diff that lead out of the project: what follows one reads other files."""
    hits = [path for path, target in LINK.findall(diff) if leads_out(path, target)]
    return [f"Links to what lies outside of the project: {listed(hits)}."] if hits else []


def leads_out(path: str, target: str) -> bool:
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return place.startswith(("/", "../")) or place == ".."


def listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(map(plain, paths[:SHOWN])) + more
