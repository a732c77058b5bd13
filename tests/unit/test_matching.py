"""Names of a repository in what was heard: found where they were meant, left alone where not."""

import pytest

from core.model import TrackedFile
from voice.understanding import understand
from voice.vocabulary import Entry, Kind, Vocabulary

PATHS = (
    "src/utils/validation.ts",
    "src/utils/logging.ts",
    "src/auth/login.ts",
    "src/components/PriceTag.tsx",
    "src/components/CheckoutForm.tsx",
    "src/index.ts",
    "tests/index.ts",
    "api/users.py",
    "api/tax_rates.py",
    "README.md",
    "Makefile",
)
SYMBOLS = (
    "get_user_by_id",
    "closeAccount",
    "PriceTag",
    "CheckoutForm",
    "SESSION_TIMEOUT_MS",
    "logIn",
    "RateLimiter",
    "parse_row",
    "isEmpty",
)
VOCABULARY = Vocabulary.of_paths(
    [TrackedFile(path, path) for path in PATHS], branches=["main", "fix/slow-start"]
).with_symbols(SYMBOLS)


def written(heard: str, *, recent: tuple[str, ...] = (), language: str = "en") -> str:
    return understand(heard, VOCABULARY, recent_files=recent, language=language).text


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("Fix src slash utel slash validation dot t s.", "Fix src/utils/validation.ts."),
        ("Fix SRC Slice Udall SliceBeladation.ts.", "Fix src/utils/validation.ts."),
        ("Fix source slash Udle slash validation.ts.", "Fix src/utils/validation.ts."),
        ("Open validation.ts and read it.", "Open src/utils/validation.ts and read it."),
        ("Look at tax rates dot pie, please.", "Look at api/tax_rates.py, please."),
        ("See API slash users dot P. Y. now.", "See api/users.py now."),
        (
            "Fix the bug in tax rates.pyThe rate is wrong.",
            "Fix the bug in api/tax_rates.py The rate",
        ),
        ("Refactor get user by I D.", "Refactor get_user_by_id."),
        ("What does get user by ID return?", "What does get_user_by_id return?"),
        ("The checkout form component flickers.", "The CheckoutForm component flickers."),
        ("The session to mount MS constant is low.", "The SESSION_TIMEOUT_MS constant is low."),
        ("Look at tax rates dotpy, please.", "Look at api/tax_rates.py, please."),
        ("Look at tax rates not py now.", "Look at api/tax_rates.py now."),
        ("Fix src slashutils slash validation.ts.", "Fix src/utils/validation.ts."),
        ("Rename parse row to read row.", "Rename parse_row to read_row."),
        ("Add an enum called user size.", "Add an enum called UserSize."),
        ("I think parse row is too slow.", "I think parse_row is too slow."),
        (
            "Tell me the difference between get user by id and parse row.",
            "Tell me the difference between get_user_by_id and parse_row.",
        ),
        ("Read the read me and the make file.", "Read the README.md and the Makefile."),
        ("Check the branch fix slash slow start.", "Check the branch fix/slow-start."),
        ("Check out fix slash slow start.", "Check out fix/slow-start."),
        ("Fix utilslashvalidation.ts today.", "Fix src/utils/validation.ts today."),
    ],
    ids=lambda value: value[:40],
)
def test_what_was_heard_is_written_as_the_repository_has_it(heard: str, expected: str) -> None:
    assert written(heard).startswith(expected)


@pytest.mark.parametrize(
    "sentence",
    [
        "I could not log in to the staging server this morning.",
        "Close the account when the customer asks for it.",
        "The price tag on the shelf is wrong.",
        "We need validation of the results before Friday.",
        "Is empty space on the page a problem for you?",
        "The rate limit on the highway is one hundred.",
        "The users like the new login page.",
        "Please check out the form at the front desk.",
        "The index of the book is too long.",
        "I think the price tag is too small.",
        "Log in is slow today.",
        "He slashed the prices, not the quality.",
        "He is in session with the board right now.",
        "It fails for files larger than this.",
    ],
)
def test_ordinary_sentences_stay_as_they_are(sentence: str) -> None:
    assert written(sentence) == sentence


def test_other_names_in_the_note_lower_the_bar() -> None:
    alone = "The rate limiter forgets who came first."

    assert written(alone) == alone
    assert "the RateLimiter as it is" in written(
        "Fix api/users.py and keep the rate limiter as it is."
    )


def test_a_correction_of_oneself_keeps_what_was_meant() -> None:
    text = written("There is a crash in login dot t s, no, logging dot t s. It is bad.")

    assert text == "There is a crash in src/utils/logging.ts. It is bad."


def test_a_correction_to_what_sounds_the_same_takes_the_neighbour() -> None:
    text = written("There is a crash in login.ts, no login.ts, it is bad.")

    assert text == "There is a crash in src/utils/logging.ts, it is bad."


def test_equal_neighbours_become_choices_and_recency_decides() -> None:
    undecided = understand("Fix the error in index dot t s.", VOCABULARY)
    [change] = undecided.replacements
    assert set(change.choices) == {"src/index.ts", "tests/index.ts"}

    assert "tests/index.ts" in written("Fix index dot t s.", recent=("tests/index.ts",))


def test_a_name_decides_between_files_that_are_called_the_same() -> None:
    homes = {"parseCart": ["tests/index.ts"], "RateLimiter": ["src/index.ts"]}
    vocabulary = VOCABULARY.with_names([Entry("parseCart", Kind.SYMBOL)], (), homes)

    [file, _] = understand("In index dot t s, rename parse cart.", vocabulary).replacements

    assert (file.written, file.choices) == ("tests/index.ts", ())


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Fix billing clients stripe gateway dot pie.", "Fix billing/clients/stripe_gateway.py."),
        ("Fix package SDK options dot go.", "Fix pkg/sdk/options.go."),
        (
            "We lost clients, options dot go is slow.",
            "We lost clients, pkg/sdk/options.go is slow.",
        ),
    ],
)
def test_folders_may_be_said_without_their_slashes(said: str, expected: str) -> None:
    paths = ("billing/clients/stripe_gateway.py", "pkg/sdk/options.go", "pkg/sdk/client.go")
    vocabulary = Vocabulary.of_paths([TrackedFile(path, path) for path in paths])

    assert understand(said, vocabulary).text == expected


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("dot github slash workflows slash c i dot yammel", ".github/workflows/ci.yml"),
        ("the dot git ignore file", ".gitignore"),
        ("dot e s lint r c dot j s", ".eslintrc.js"),
        ("dot n v m r c", ".nvmrc"),
        ("underscore underscore init underscore underscore dot pie", "api/__init__.py"),
        ("dunder init dot pie", "api/__init__.py"),
        ("add room dot pie", "api/migrations/0002_add_room.py"),
        ("two add room dot pie", "api/migrations/0002_add_room.py"),
        ("bracket slug slash page dot t s x", "app/(shop)/products/[slug]/page.tsx"),
        ("products slash slug slash page dot t s x", "app/(shop)/products/[slug]/page.tsx"),
        ("button dot test dot t s x", "ui/button.test.tsx"),
        ("app settings dot development dot jason", "appsettings.Development.json"),
        ("k eight s slash watch dot go", "internal/k8s/watch.go"),
        ("payroll controller dot c sharp", "Payday.Api/PayrollController.cs"),
        ("the docker compose file", "docker-compose.yml"),
    ],
)
def test_paths_by_the_customs_of_many_languages(said: str, path: str) -> None:
    paths = (
        ".github/workflows/ci.yml", ".gitignore", ".eslintrc.js", ".nvmrc", "api/__init__.py",
        "api/migrations/0002_add_room.py", "app/(shop)/products/[slug]/page.tsx",
        "app/(shop)/cart/page.tsx", "ui/button.tsx", "ui/button.test.tsx", "appsettings.json",
        "appsettings.Development.json", "internal/k8s/watch.go", "Payday.Api/PayrollController.cs",
        "docker-compose.yml",
    )  # fmt: skip
    vocabulary = Vocabulary.of_paths([TrackedFile(one, one) for one in paths])

    assert path in understand(f"Please open {said} now.", vocabulary).text.split()


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("parse u r l", "parseURL"),
        ("o auth two client", "OAuth2Client"),
        ("find orders by user i d", "findOrdersByUserID"),
        ("product underscore by underscore slug", "PRODUCT_BY_SLUG"),
        ("new h t t p client", "NewHTTPClient"),
        ("shaw two five six hex", "sha256_hex"),
        ("i clock", "IClock"),
        ("s three storage", "S3Storage"),
        ("h l seven message", "HL7Message"),
    ],
)
def test_initialisms_and_numbers_of_many_languages(said: str, name: str) -> None:
    names = (
        "parseURL", "OAuth2Client", "findOrdersByUserID", "PRODUCT_BY_SLUG", "NewHTTPClient",
        "sha256_hex", "IClock", "S3Storage", "HL7Message",
    )  # fmt: skip
    vocabulary = Vocabulary([Entry(one, Kind.SYMBOL) for one in names])

    assert name in understand(f"Please refactor {said}, it is long.", vocabulary).text


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("The argument is always ignored.", "_arguments"),
        ("Please rename it to something shorter.", "renameat2"),
        ("How do I start the app?", "do_start"),
        ("The time is right to make friends with the method.", "write2"),
        ("The key is not found in the cache.", "NOT_FOUND"),
    ],
)
def test_small_words_of_a_sentence_belong_to_no_name(sentence: str, name: str) -> None:
    vocabulary = Vocabulary([Entry(name, Kind.SYMBOL)])

    assert understand(sentence, vocabulary).text == sentence


def test_small_words_that_are_written_in_a_name_belong_to_it() -> None:
    vocabulary = Vocabulary([Entry("invoice_total", Kind.SYMBOL), Entry("is_empty", Kind.SYMBOL)])

    said = "Fix in voice total and the is empty function."
    assert understand(said, vocabulary).text == "Fix invoice_total and the is_empty function."


def test_among_very_many_names_more_has_to_agree() -> None:
    sentence = "Make sure that nothing breaks for old clients."
    few = [Entry("OLD_CLIENT_AUTH", Kind.SYMBOL)]
    many = [Entry(f"{word}_{number}", Kind.SYMBOL) for word in "ab" for number in range(20_000)]

    assert understand(sentence, Vocabulary(few)).replacements
    assert not understand(sentence, Vocabulary([*few, *many])).replacements
    text = understand("Simplify old client auth, please.", Vocabulary([*few, *many])).text
    assert text == "Simplify OLD_CLIENT_AUTH, please."


def test_every_change_tells_what_was_heard() -> None:
    [change] = understand("Fix utel slash validation dot t s.", VOCABULARY).replacements

    assert change.heard == "utel slash validation dot t s"
    assert 0.5 < change.confidence <= 1


def test_a_remembered_correction_comes_first() -> None:
    understood = understand(
        "Please fix the kart wheel today.", VOCABULARY, corrections={"kart wheel": "cartWheel"}
    )

    assert understood.text == "Please fix the cartWheel today."


@pytest.mark.parametrize(
    ("language", "heard", "expected"),
    [
        ("de", "Behebe den Fehler in Source Schrägstrich Index Punkt TS.", "src/index.ts"),
        ("es", "Arregla el error en API barra users punto P Y.", "api/users.py"),
        (
            "fr",
            "Corrige le bug dans utils slash validation point T S.",
            "src/utils/validation.ts",
        ),
    ],
)
def test_marks_are_said_in_the_speakers_language(language: str, heard: str, expected: str) -> None:
    assert expected in written(heard, language=language)


def test_a_name_is_found_among_twenty_thousand() -> None:
    files = [TrackedFile(f"pkg{n % 97}/mod{n % 31}/item_{n}.py", str(n)) for n in range(20_000)]
    vocabulary = Vocabulary.of_paths([*files, TrackedFile("src/cart.py", "x")])
    text = understand("Fix the bug in source slash cart dot p y.", vocabulary).text
    assert text == "Fix the bug in src/cart.py."


def test_silence_and_symbols_without_sound_are_no_trouble() -> None:
    odd = Vocabulary.of_paths([TrackedFile(p, p) for p in ("_", "日本語.txt", "...", "a")])

    assert understand("", odd.with_symbols(["_", "$", "__"])).text == ""
    assert understand("Hello there.", odd.with_symbols(["_", "$"])).text == "Hello there."
    assert understand("Hello there.", Vocabulary(())).text == "Hello there."
