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
        ("de", "Hier stürzt die Funktion Close Order ab.", "close_order", "bug_fix"),
        ("es", "La función Close Order falla cuando es cero.", "close_order", "bug_fix"),
        ("fr", "La méthode Close Order échoue quand tout est nul.", "close_order", "bug_fix"),
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


@pytest.mark.parametrize(
    ("language", "said", "name"),
    [
        ("de", "Erstelle eine Komponente namens Price Badge.", "PriceBadge"),
        ("de", "Erstelle eine Funktion namens Parse Rows, die schnell ist.", "parseRows"),
        ("de", "Füge eine Konstante namens Max Retry Count hinzu.", "MAX_RETRY_COUNT"),
        ("de", "Schreibe eine Funktion mit dem Namen Load Settings.", "loadSettings"),
        ("de", "Benenne ParseRow in Parse Line um.", "parseLine"),
        ("de", "Benenne die Funktion ParseRow in Parse Line um.", "parseLine"),
        ("de", "Lege eine Klasse namens Exchange Rate an.", "ExchangeRate"),
        ("de", "Ich brauche einen Hook namens Use Dark Mode.", "useDarkMode"),
        ("de", "Füge ein Feld namens Created At zur Tabelle hinzu.", "createdAt"),
        ("de", "Erstelle ein Interface mit dem Namen User Settings.", "UserSettings"),
        ("de", "Füge eine Methode namens Reset Password ein.", "resetPassword"),
        ("de", "Füge eine Variable Snake Case Total Count ein.", "total_count"),
        ("de", "Erstelle eine Umgebungsvariable namens Log Level.", "LOG_LEVEL"),
        ("es", "Crea un componente llamado Price Badge.", "PriceBadge"),
        ("es", "Añade una función llamada Parse Rows que sea rápida.", "parseRows"),
        ("es", "Añade una constante llamada Max Retry Count.", "MAX_RETRY_COUNT"),
        ("es", "Crea una clase con el nombre Exchange Rate.", "ExchangeRate"),
        ("es", "Renombra ParseRow a Parse Line.", "parseLine"),
        ("es", "Renombra la función ParseRow a Parse Line.", "parseLine"),
        ("es", "Necesito un hook llamado Use Dark Mode.", "useDarkMode"),
        ("es", "Agrega un método que se llame Reset Password.", "resetPassword"),
        ("es", "Crea una interfaz llamada User Settings en el archivo.", "UserSettings"),
        ("es", "Añade un campo llamado Created At a la tabla.", "createdAt"),
        ("es", "Añade una variable de entorno llamada Log Level.", "LOG_LEVEL"),
        ("fr", "Crée un composant appelé Price Badge.", "PriceBadge"),
        ("fr", "Ajoute une fonction nommée Parse Rows qui est rapide.", "parseRows"),
        ("fr", "Ajoute une constante appelée Max Retry Count.", "MAX_RETRY_COUNT"),
        ("fr", "Crée une classe nommée Exchange Rate dans le fichier.", "ExchangeRate"),
        ("fr", "Renomme ParseRow en Parse Line.", "parseLine"),
        ("fr", "Renomme la fonction ParseRow en Parse Line.", "parseLine"),
        ("fr", "J'ai besoin d'un hook appelé Use Dark Mode.", "useDarkMode"),
        ("fr", "Ajoute une méthode qui s'appelle Reset Password.", "resetPassword"),
        ("fr", "Ajoute un champ appelé Created At à la table.", "createdAt"),
        ("fr", "Crée deux fonctions appelées Read Header et Read Body.", "readBody"),
        ("fr", "Ajoute une variable d'environnement appelée Log Level.", "LOG_LEVEL"),
    ],
)
def test_new_names(language: str, said: str, name: str) -> None:
    vocabulary = Vocabulary.of_paths([TrackedFile("src/app.ts", "1")]).with_symbols(["parseRow"])
    words = understand(said, vocabulary, language=language).text.split()
    assert name in [word.strip(",.") for word in words]
