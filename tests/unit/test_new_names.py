"""New names: how people ask for them, and what is written. Each was heard right."""

import pytest

from core.model import TrackedFile
from voice.understanding import understand
from voice.vocabulary import Vocabulary


def project(paths: str, symbols: str) -> Vocabulary:
    files = [TrackedFile(path, path) for path in paths.split()]
    return Vocabulary.of_paths(files).with_symbols(symbols.split())


WEB = project(
    "src/app.ts src/components/CartItem.tsx src/hooks/useCart.ts src/utils/format-date.ts",
    "formatDate useCart CartItem parseRow loadUser",
)
PYTHON = project(
    "app/main.py app/data/read_rows.py app/models.py tests/test_rows.py",
    "read_rows User load_user MAX_SIZE parse_row",
)
GO = project("cmd/main.go internal/store/store.go", "OpenStore parseRow")
RUST = project("src/main.rs src/net/tls.rs", "open_socket TlsConfig")
KOTLIN = project("src/main/kotlin/RoutePlanner.kt", "RoutePlanner planRoute")
RUBY = project("app/models/guest.rb app/models/tip.rb", "Guest full_name")


def written(said: str, vocabulary: Vocabulary) -> list[str]:
    return [word.strip('.,"') for word in understand(said, vocabulary).text.split()]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Create a new component called user avatar.", "UserAvatar"),
        ("Create a React component called Order Summary that shows the total.", "OrderSummary"),
        ("Create a component called OrderSummary that shows the total.", "OrderSummary"),
        ('Create a component called "order summary".', "OrderSummary"),
        ("Create a component called Order-Summary.", "OrderSummary"),
        (
            "I want a component that is called order summary, and it should show the total.",
            "OrderSummary",
        ),
        ("I'd like to have a modal component called confirm dialog.", "ConfirmDialog"),
        ("Extract the validation into a function called validate email.", "validateEmail"),
        ("Extract this into a helper named to title case.", "toTitleCase"),
        ("Pull the sorting out into a function called sort by date.", "sortByDate"),
        ("Rename parse row to parse line.", "parseLine"),
        ("Rename the function parse row to parse line.", "parseLine"),
        ("Rename parse row into parse line please.", "parseLine"),
        ("Rename the variable total to grand total.", "grandTotal"),
        ("Rename the use cart hook to use basket.", "useBasket"),
        ("Rename the component cart item to basket item.", "BasketItem"),
        ("Parse row should be renamed to parse line.", "parseLine"),
        ("Can you rename load user to fetch current user everywhere?", "fetchCurrentUser"),
        ("Add a hook called use previous.", "usePrevious"),
        ("Add a custom hook called use media query.", "useMediaQuery"),
        ("Add a hook named use window size to the hooks folder.", "useWindowSize"),
        ("Write a custom hook use fetch that caches results.", "useFetch"),
        ("Write a hook called used debounced value.", "useDebouncedValue"),
        ("Create a constant called default page size.", "DEFAULT_PAGE_SIZE"),
        ("Add a constant API base URL.", "API_BASE_URL"),
        ("Introduce a constant max retry count with the value five.", "MAX_RETRY_COUNT"),
        ("Move the magic number into a constant called seconds per day.", "SECONDS_PER_DAY"),
        ("Add an environment variable called database URL.", "DATABASE_URL"),
        ("Add an environment variable named log level.", "LOG_LEVEL"),
        ("Add a type called user settings.", "UserSettings"),
        ("Define an interface called payment provider.", "PaymentProvider"),
        ("Create an enum called order status with the values open and closed.", "OrderStatus"),
        ("Add a function called format currency that takes an amount.", "formatCurrency"),
        ("Add a function named format file size to format date dot ts.", "formatFileSize"),
        ("Add a helper function called group by key.", "groupByKey"),
        ("Write a function called is valid email which checks the address.", "isValidEmail"),
        ("Write a helper get initials that returns the first letters.", "getInitials"),
        ("Add an async function called fetch orders.", "fetchOrders"),
        ("Add a method called reset password.", "resetPassword"),
        ("Add a state variable called is open.", "isOpen"),
        ("Add a prop called on close to the component.", "onClose"),
        ("Add a boolean prop named show icon.", "showIcon"),
        ("Give the button a prop called variant.", "variant"),
        ("Add a context called theme context.", "ThemeContext"),
        ("Create a provider called auth provider.", "AuthProvider"),
        ("Create a store called cart store.", "cartStore"),
        ("Add a CSS class called button primary.", "button-primary"),
        ("Use a CSS class named card header for it.", "card-header"),
        ("Make a branch called fix login redirect.", "fix-login-redirect"),
        ("Create a new branch named feature slash dark mode.", "feature/dark-mode"),
        ("Create a folder called shared components.", "shared-components"),
        ("Put it into a new file called date picker dot tsx.", "DatePicker.tsx"),
        ("Add an endpoint called list orders.", "listOrders"),
        ("Add a route called slash orders.", "/orders"),
        ("Add a button, and call it save button.", "saveButton"),
        ("We need a function for that, let's call it compute total.", "computeTotal"),
        ("Add a new function, name it compute total, and use it everywhere.", "computeTotal"),
        ("The new component should be called price tag.", "PriceTag"),
        ("The component should be named price tag.", "PriceTag"),
        ("The function will be called compute total.", "computeTotal"),
        ("Create a component with the name price tag.", "PriceTag"),
        ("Call the component price tag.", "PriceTag"),
        ("Call the new function compute total.", "computeTotal"),
        ("Name the new variable item count.", "itemCount"),
        ("Name the constant max items.", "MAX_ITEMS"),
        ("Create a price tag component that shows the price.", "PriceTag"),
        ("Create a new login form component.", "LoginForm"),
        ("Build me an image gallery component with lazy loading.", "ImageGallery"),
        ("I need a loading spinner component.", "LoadingSpinner"),
        ("Add a user menu component to the page.", "UserMenu"),
        ("Implement a shopping list component.", "ShoppingList"),
        ("Create a use local storage hook.", "useLocalStorage"),
        ("Create a function parse query string.", "parseQueryString"),
        ("Add a sort by price function.", "sortByPrice"),
        ("Write a debounce function called debounce input.", "debounceInput"),
        ("Write a function camel case load all users.", "loadAllUsers"),
        ("Add a variable called camel case item count.", "itemCount"),
        ("Add a variable in camel case called item count.", "itemCount"),
        ("Add a function called get user by ID.", "getUserById"),
        ("Add a function called get user by I.D.", "getUserById"),
        ("Add a function called to JSON.", "toJson"),
        ("Add a function called parse CSV file.", "parseCsvFile"),
        ("Add a function called parse C S V file.", "parseCsvFile"),
        ("Add a function called convert to UTC.", "convertToUtc"),
        ("Add a function called H M A C sign.", "hmacSign"),
        ("Add a function called base 64 encode.", "base64Encode"),
        ("Add a function called merge two lists.", "mergeTwoLists"),
        ("Add a class called version 2 parser.", "Version2Parser"),
    ],
)
def test_asked_for_in_a_web_app(said: str, name: str) -> None:
    assert name in written(said, WEB)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Read the port from an environment variable called server port.", "SERVER_PORT"),
        ("Add a function called load settings from file.", "load_settings_from_file"),
        ("Add a function called parse_rows to it.", "parse_rows"),
        ("Add a function called parse underscore rows.", "parse_rows"),
        ("Add a test called test empty input.", "test_empty_input"),
        ("Write a test named test load user fails.", "test_load_user_fails"),
        ("Add a fixture called temporary database.", "temporary_database"),
        ("Add a class called invoice builder to app slash models dot py.", "InvoiceBuilder"),
        ("Add a data class called shipping address.", "ShippingAddress"),
        ("Add a dataclass called shipping address.", "ShippingAddress"),
        ("Add an exception called payment declined error.", "PaymentDeclinedError"),
        ("Raise a new exception named invalid token error.", "InvalidTokenError"),
        ("Add a constant named default timeout seconds.", "DEFAULT_TIMEOUT_SECONDS"),
        ("Add a constant all caps retry limit.", "RETRY_LIMIT"),
        ("Add a constant called upper case retry limit.", "RETRY_LIMIT"),
        ("Add a constant called screaming snake case retry limit.", "RETRY_LIMIT"),
        ("Add a field called created at.", "created_at"),
        ("Add a field called created at to the user model.", "created_at"),
        ("Add a field called updated at with a default.", "updated_at"),
        ("Add a column called is active to the users table.", "is_active"),
        ("Add a table called order items.", "order_items"),
        ("Create a database table named login attempts.", "login_attempts"),
        ("Add an index called orders by date.", "orders_by_date"),
        ("Add a parameter called max depth to read rows.", "max_depth"),
        ("Add an argument named dry run with the default false.", "dry_run"),
        ("Add a keyword argument named as dict.", "as_dict"),
        ("Add a flag called dry run.", "dry_run"),
        ("Add a command line flag called dry run.", "--dry-run"),
        ("Add a command line option named output format.", "--output-format"),
        ("Add a CLI flag called verbose.", "--verbose"),
        ("Add a flag dash dash dry run.", "--dry-run"),
        ("Add a decorator called retry on failure.", "retry_on_failure"),
        ("Add a property called full name to the user class.", "full_name"),
        ("Add a logger called audit log.", "audit_log"),
        ("Create a module called rate limiter.", "rate_limiter"),
        ("Create a script named clean cache.", "clean_cache"),
        ("Create a package called payment methods.", "payment_methods"),
        ("Add a function snake case count words.", "count_words"),
        ("Create a function named count words in snake case.", "count_words"),
        ("Introduce a variable called row count in read rows.", "row_count"),
        ("Store it in a variable called row count.", "row_count"),
        ("Save the result in a variable named last error and log it.", "last_error"),
        ("Return it as a field called error message.", "error_message"),
        ("Split it into two functions called read header and read body.", "read_body"),
        ("Split it into two functions called read header and read body.", "read_header"),
        ("Add two functions, one called read header and the other called read body.", "read_body"),
        ("Add methods called open file and close file.", "close_file"),
        ("Add a function called read header and a function called read body.", "read_body"),
        ("Replace parse row with a new function called parse line.", "parse_line"),
        ("Make a copy of parse row and call it parse line.", "parse_line"),
        ("Move it to a function of its own called parse line.", "parse_line"),
        ("Add a Celery task called send reminder emails.", "send_reminder_emails"),
        ("Add a management command called import products.", "import_products"),
    ],
)
def test_asked_for_in_python(said: str, name: str) -> None:
    assert name in written(said, PYTHON)


@pytest.mark.parametrize(
    ("vocabulary", "said", "name"),
    [
        (GO, "Add a struct called retry options.", "RetryOptions"),
        (GO, "Add a function called parse duration.", "parseDuration"),
        (GO, "Add an interface called blob store.", "BlobStore"),
        (RUST, "Add a struct named connection pool.", "ConnectionPool"),
        (RUST, "Add a trait called serializer.", "Serializer"),
        (RUST, "Add a function called open connection.", "open_connection"),
        (RUST, "Add a macro called check bounds.", "check_bounds"),
        (RUST, "Add a variant called not found.", "NotFound"),
        (RUST, "Add an enum variant called connection lost.", "ConnectionLost"),
        (KOTLIN, "Add a data class called delivery window.", "DeliveryWindow"),
        (KOTLIN, "Add an object called route cache.", "RouteCache"),
        (KOTLIN, "Add an abstract class called base planner.", "BasePlanner"),
        (RUBY, "Make a module named currency rounding and include it.", "CurrencyRounding"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_asked_for_in_other_languages(vocabulary: Vocabulary, said: str, name: str) -> None:
    assert name in written(said, vocabulary)


@pytest.mark.parametrize(
    "behind",
    [
        " which adds up everything.",
        ", it should add everything.",
        ". It should add everything.",
        " that adds.",
        " by adding all prices.",
        " after the other one.",
        " before load user.",
        " above load user.",
        " below load user.",
        " there.",
        " here.",
        " too.",
        " first.",
        " without any dependency.",
        " while you are there.",
        " like the other ones.",
        " instead of load user.",
        " behind it.",
        ", please.",
        " there and test it.",
        " to this file.",
        " at the end of the file.",
        " of type number.",
        " on top.",
        " but don't use it yet.",
        " and write a test.",
        " plus a test.",
        " whose result is cached.",
        " along with tests.",
        " showing how it works.",
        " accepting two numbers.",
    ],
)
def test_where_a_name_is_over(behind: str) -> None:
    said = "Add a function called compute total"
    assert understand(
        said + behind, WEB
    ).text == "Add a function called computeTotal" + behind.replace("load user", "loadUser")


@pytest.mark.parametrize("vocabulary", [WEB, PYTHON], ids=["web", "python"])
@pytest.mark.parametrize(
    "sentence",
    [
        "Add a function that is called twice.",
        "It is called every time the page loads.",
        "The function called by the scheduler is slow.",
        "Why is it called after the render?",
        "I called my mother on Sunday.",
        "The dog is named Bruno.",
        "We named it after the founder.",
        "They call it a day.",
        "What is the hook called?",
        "The method is called in the loop.",
        "Find out where it's called from.",
        "Create a new user account for me.",
        "Add a comment to the function.",
        "The service called twice yesterday.",
        "Make a table for eight people.",
        "We need a new model of car.",
        "Write a letter to the service.",
        "Rename the file.",
        "Rename it to something better.",
        "Name one reason.",
        "Call me when the test is done.",
        "I need another job.",
        "Add a field for the name of the owner.",
        "The type is wrong.",
        "Build the new branch.",
        "Use this class instead.",
        "Create tests for the component.",
        "Add a unit test for the function.",
        "The flag is called too often.",
        "Make a list of all the options.",
        "Call the function only once.",
        "Call the endpoint with the token.",
        "Name the people in the team.",
        "I want to introduce a new colleague.",
        "The component should be smaller.",
        "Its name should be longer.",
        "The name of the function is misleading.",
        "The function should be called only once.",
        "The function should be called from the main thread.",
        "The variable should be named differently.",
        "The test will be called off.",
        "Write a test that fails.",
        "Give the method a better name.",
        "Call the new intern tomorrow.",
        "Add a new page component.",
        "Make the modal component smaller.",
        "Create a new React component.",
        "Create a component for the price tag.",
        "I need a better component.",
        "Add the user menu component to the page.",
        "She works for an environment agency called off guard.",
        "We had a class on Monday.",
        "Call the service desk.",
        "It has a new option for people.",
        "Define a new type of parcel.",
        "Add another column with the date.",
        "Set the environment variable.",
        "Read it from the environment.",
        "The function could return nothing.",
        "The function calls itself twice.",
        "They made a friend called John Smith.",
        "Is the job called off?",
        "Add a constant stream of new features.",
    ],
)
def test_where_nothing_is_named_nothing_changes(sentence: str, vocabulary: Vocabulary) -> None:
    assert understand(sentence, vocabulary).text == sentence


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Add a class called quotexc did.", "QuotaExceeded"),
        ("Build a component name metrics barcline and show it.", "MetricSparkline"),
        ("Add a hook called used a bounced value.", "useDebouncedValue"),
        ("Add a function called cash all users.", "cacheAllUsers"),
        ("Add a function called right log file.", "writeLogFile"),
        ("Add a component called tablefilters.", "TableFilters"),
        ("Add a componentcalled price badge.", "PriceBadge"),
        ("Add a parameter called dryron to it.", "dryRun"),
        ("Add a function called count on red comments.", "countUnreadComments"),
        (
            "Create the file src slash utils slash loyldepoints.ts for it.",
            "src/utils/loyalty-points.ts",
        ),
        ("Create a script called cleanupusers.sh for it.", "cleanup_users.sh"),
    ],
)
def test_misheard_words_of_a_name(said: str, name: str) -> None:
    assert name in written(said, WEB)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Add a function called slugify title.", "slugifyTitle"),
        ("Add a function called haversine distance.", "haversineDistance"),
        ("Add a class called grand total badge.", "GrandTotalBadge"),
        ("Add a function called convert to UTC.", "convertToUtc"),
        ("Add a function called H M A C sign.", "hmacSign"),
        ("Add an error called payment declined error.", "PaymentDeclinedError"),
        ("Add a component called right panel.", "RightPanel"),
        ("Add a field called last seen at.", "lastSeenAt"),
    ],
)
def test_rare_words_that_were_heard_right_stay(said: str, name: str) -> None:
    assert name in written(said, WEB)
