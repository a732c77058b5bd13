"""Packages and words of the README: found in the files, and written where they are meant."""

from __future__ import annotations

import pytest

from core.model import TrackedFile
from voice.manifests import is_manifest, is_readme, packages_in, words_in
from voice.understanding import understand
from voice.vocabulary import Entry, Kind, Vocabulary

MANIFESTS = {
    "package.json": (
        b'{"name": "shop", "dependencies": {"react": "19"}, "devDependencies": {"vitest": "3"}}',
        ["shop", "react", "vitest"],
    ),
    "composer.json": (b'{"require": {"laravel/framework": "^11"}}', ["laravel/framework"]),
    "api/pyproject.toml": (
        b'[project]\nname = "shop"\ndependencies = ["httpx[http2]>=0.28", "Jinja2"]\n'
        b'[dependency-groups]\ndev = ["pytest"]\n[tool.poetry.dependencies]\nattrs = "*"\n',
        ["shop", "attrs", "httpx", "Jinja2", "pytest"],
    ),
    "requirements-dev.txt": (
        b"# all\n-r base.txt\nDjango>=4\nsqlalchemy==2\n",
        ["Django", "sqlalchemy"],
    ),
    "setup.cfg": (
        b"[options]\ninstall_requires =\n    requests>=2\n    click\npython_requires = >=3\n",
        ["requests", "click"],
    ),
    "Pipfile": (b'[packages]\nflask = "*"\n', ["flask"]),
    "Cargo.toml": (
        b'[package]\nname = "rows"\n[dependencies]\nserde = { version = "1" }\n',
        ["rows", "serde"],
    ),
    "go.mod": (
        b"module example.com/acme/ledger\n\nrequire (\n\tgithub.com/gorilla/mux v1.8\n"
        b"\tgithub.com/jackc/pgx/v5 v5.1 // indirect\n)\n",
        ["ledger", "mux", "pgx"],
    ),
    "pom.xml": (b"<artifactId>jackson-databind</artifactId>", ["jackson-databind"]),
    "build.gradle.kts": (b'implementation("com.squareup.okhttp3:okhttp:4.12.0")', ["okhttp"]),
    "gradle/libs.versions.toml": (b'[libraries]\nktor = "io.ktor:ktor:3"\n', ["ktor"]),
    "Gemfile": (b"gem 'rails', '~> 7'\n  gem \"devise\"\n", ["rails", "devise"]),
    "app.gemspec": (b"s.name = 'bar'\ns.add_dependency('rake')", ["bar", "rake"]),
    "App.csproj": (b'<PackageReference Include="Serilog" Version="4" />', ["Serilog"]),
    "Package.swift": (b'.package(url: "https://a.b/apple/swift-log.git")', ["swift-log"]),
    "pubspec.yaml": (b"name: x\ndependencies:\n  dio: ^5\n  path: any\n", ["dio", "path"]),
    "mix.exs": (b'{:phoenix, "~> 1.7"}, {:ecto, ">= 3"}', ["phoenix", "ecto"]),
}


@pytest.mark.parametrize("path", MANIFESTS)
def test_packages_of_a_manifest(path: str) -> None:
    content, names = MANIFESTS[path]
    assert is_manifest(path)
    assert packages_in(path, content) == names


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[]", b"{", b"null", b"[" * 100_000, b"a" * 500_000]
)
def test_a_manifest_that_is_none_has_no_packages(content: bytes) -> None:
    for path in ("package.json", "pyproject.toml", "Cargo.toml", "pom.xml"):
        assert packages_in(path, content) == []


def test_the_readme_gives_what_it_writes_like_names() -> None:
    readme = b"""# Books
The Ledgerly API keeps books. It speaks `ledger_sync`, GraphQL and Kafka; the kafka client is fast.
[a link](https://example.com/TotallyElsewhere) <img src="Nowhere.png">
```sh
run SomethingLong
```
"""
    assert words_in(readme) == ["ledger_sync", "GraphQL", "Ledgerly"]
    assert is_readme("README.md")
    assert is_readme("readme")
    assert not is_readme("docs/README.md")


PACKAGES = [
    "requests",
    "click",
    "flask",
    "express",
    "rich",
    "attrs",
    "black",
    "moment",
    "chalk",
    "async",
    "request",
    "glob",
    "next",
    "colors",
    "debug",
    "commander",
    "lodash",
    "react-router-dom",
    "tailwindcss",
    "fastapi",
    "sqlalchemy",
    "left-pad",
    "passport",
    "sharp",
    "uuid",
    "@tanstack/react-query",
    "pydantic-settings",
    "rails",
    "devise",
    "puma",
    "sidekiq",
    "serde",
    "tokio",
    "rand",
    "log",
    "mux",
]
WORDS = ["Ledgerly", "GraphQL", "Telegram", "Client", "Protocol", "Markdown", "ledger_sync"]
BOOKS = Vocabulary.of_paths([TrackedFile("app/main.py", "1")]).with_names(
    [
        *(Entry(name, Kind.PACKAGE) for name in PACKAGES),
        *(Entry(name, Kind.WORD) for name in WORDS),
    ]
)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Upgrade the sequel alchemy package.", "sqlalchemy"),
        ("Use fast API for the new endpoint.", "fastapi"),
        ("Fix the bug with react router dom.", "react-router-dom"),
        ("Refactor it with pie dantic settings.", "pydantic-settings"),
        ("Replace the request library.", "request"),
        ("Fix the sync with ledger lee in the morning.", "Ledgerly"),
    ],
)
def test_a_package_is_written_as_the_manifest_has_it(said: str, written: str) -> None:
    assert written in understand(said, BOOKS).text


@pytest.mark.parametrize(
    "said",
    [
        "When I click the button twice, the requests are sent twice.",
        "Fix the flash of colors, the express lane is black for a moment.",
        "The log is rich in detail, so debug it next and pass the port.",
        "He left the pad on the desk and the client asked for the protocol.",
        "In the next moment a request comes in, and the commander is at a loss.",
        "Mark it down, and clean the random sharp edges with chalk.",
        "The telegram arrived late and the rails were wet.",
        "Please tell him that the token has expired and the passport too.",
    ],
)
def test_ordinary_words_are_no_packages(said: str) -> None:
    assert understand(said, BOOKS).text == said


def test_what_was_changed_lately_wins_between_neighbours() -> None:
    paths = ["src/form/login.ts", "src/page/login.ts"]
    plain = Vocabulary.of_paths([TrackedFile(path, path) for path in paths])
    for path in paths:
        fresh = plain.with_names((), [path])
        assert path in understand("Fix the bug in log in dot t s.", fresh).text


def test_files_of_the_last_tasks_win_over_what_was_committed_lately() -> None:
    paths = ["src/form/login.ts", "src/page/login.ts"]
    plain = Vocabulary.of_paths([TrackedFile(path, path) for path in paths])
    fresh = plain.with_names((), paths[:1])
    said = "Fix the bug in log in dot t s."
    assert paths[1] in understand(said, fresh, recent_files=paths[1:]).text
