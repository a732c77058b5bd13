"""German, Spanish and French notes about English identifiers, from their words to the intent."""

from __future__ import annotations

import pytest

from core.model import TrackedFile
from voice.understanding import understand
from voice.vocabulary import Vocabulary

PATHS = ("src/utils/validation.ts", "src/utils/format.ts", "src/users.ts", "api/orders.py")
SHOP = Vocabulary.of_paths([TrackedFile(path, path) for path in PATHS]).with_symbols(
    ["getUserById", "formatPrice", "close_order"]
)
TEMPLATES = ("bug_fix", "react_component", "unit_tests", "refactor", "question")


@pytest.mark.parametrize(
    ("language", "said", "written", "template"),
    [
        (
            "de",
            "Behebe den Fehler in Source Slash Utils Slash Validation Punkt TS.",
            "src/utils/validation.ts",
            "bug_fix",
        ),
        (
            "de",
            "Repariere den Absturz in API Schrägstrich Orders Punkt PY.",
            "api/orders.py",
            "bug_fix",
        ),
        ("de", "Schreibe Unit-Tests für die Funktion Get User by ID.", "getUserById", "unit_tests"),
        ("de", "Erstelle eine Komponente namens Price Badge.", "PriceBadge", "react_component"),
        ("de", "Refaktoriere Orders, nein, Users Punkt TS.", "src/users.ts", "refactor"),
        ("de", "Warum ist Format Price so langsam?", "formatPrice", "question"),
        (
            "es",
            "Corrige el error en Source barra Utils barra Validation punto TS.",
            "src/utils/validation.ts",
            "bug_fix",
        ),
        (
            "es",
            "Escribe pruebas unitarias para la función Get User by ID.",
            "getUserById",
            "unit_tests",
        ),
        ("es", "Crea un componente llamado Price Badge.", "PriceBadge", "react_component"),
        (
            "fr",
            "Corrige l'erreur dans Source slash Utils slash Validation point TS.",
            "src/utils/validation.ts",
            "bug_fix",
        ),
        (
            "fr",
            "Écris des tests unitaires pour la fonction Get User by ID.",
            "getUserById",
            "unit_tests",
        ),
        ("fr", "Crée un composant appelé Price Badge.", "PriceBadge", "react_component"),
        ("fr", "Pourquoi Format Price est-il si lent ?", "formatPrice", "question"),
    ],
)
def test_a_request(language: str, said: str, written: str, template: str) -> None:
    understood = understand(said, SHOP, templates=TEMPLATES, language=language)
    assert written in understood.text
    assert understood.intent.template == template


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "Heute ist das Wetter schön und wir gehen morgen in den Park."),
        ("de", "Wir öffnen morgen wieder und validieren die Bestellung."),
        ("es", "Hoy hace buen tiempo y mañana vamos al parque."),
        ("fr", "Aujourd'hui il fait beau et demain nous allons au parc."),
    ],
)
def test_ordinary_speech_stays_as_it_is(language: str, said: str) -> None:
    understood = understand(said, SHOP, templates=TEMPLATES, language=language)
    assert understood.text == said
    assert understood.intent.template is None


@pytest.mark.parametrize(
    ("language", "said"),
    [("de", "Mach das rückgängig."), ("es", "Deshaz eso."), ("fr", "Annule ça.")],
)
def test_undo(language: str, said: str) -> None:
    assert understand(said, SHOP, language=language).intent.action == "undo"
