"""Names that the decoder is told to expect: a few, near to what it heard, in spoken words."""

from core.model import TrackedFile
from voice.hints import MOST, better, hints
from voice.vocabulary import Vocabulary

NAMES = ("DequeueBatch", "get_user_by_id", "RateLimiter", "parse_row", *"abcdefghij")
VOCABULARY = Vocabulary.of_paths(
    [TrackedFile(path, path) for path in ("src/checkoutForm.tsx", "src/queue.go")]
).with_symbols([*NAMES, *(f"load_thing_{n}" for n in range(100))])


def test_what_was_nearly_heard_is_hinted_at_as_it_is_said() -> None:
    found = hints("Fix the panic in the cue batch when it is empty.", VOCABULARY, "en")

    assert "dequeue batch" in found
    assert len(found) <= MOST
    assert "checkout form" in hints("Look at the check out forum please.", VOCABULARY, "en")


def test_a_short_follow_up_needs_no_names() -> None:
    assert hints("Merge it.", VOCABULARY, "en") == []
    assert hints("Fix the panic in the queue.", Vocabulary(()), "en") == []


def test_a_second_hearing_counts_where_more_names_are_in_it() -> None:
    heard, again = "Fix the panic in the qubash.", "Fix the panic in dequeue batch."

    assert better(heard, again, VOCABULARY, "en")
    assert not better(again, heard, VOCABULARY, "en")
    assert not better(heard, "Fix the panic in the cue bar.", VOCABULARY, "en")
