"""New names whose words were misheard, and rare words that were not."""

import pytest

from core.model import TrackedFile
from voice.understanding import understand
from voice.vocabulary import Vocabulary

PATHS = (
    "src/app.ts", "src/components/CartItem.tsx", "src/hooks/useCart.ts", "src/utils/format-date.ts"
)  # fmt: skip
WEB = Vocabulary.of_paths([TrackedFile(path, path) for path in PATHS]).with_symbols(
    ["formatDate", "useCart", "CartItem", "parseRow", "loadUser"]
)


def written(said: str) -> list[str]:
    return [word.strip('.,?"') for word in understand(said, WEB).text.split()]


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
    assert name in written(said)


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
        ("Add a component called nav bar.", "NavBar"),
        ("Add a component called navbar.", "NavBar"),
    ],
)
def test_rare_words_that_were_heard_right_stay(said: str, name: str) -> None:
    assert name in written(said)
