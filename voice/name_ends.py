"""Where a new name is over: by the words that may not be in one, and by what they lead to.

"called compute total before the loop" ends at "before", "called run before save" does not: most
words that a sentence goes on with are in names as well, and what comes behind them tells.
"""

from __future__ import annotations

from collections.abc import Sequence

from voice.spoken import Language, Token

Taken = Sequence[tuple[int, int, str]]  # names of the repository: first, last and written

LONGEST = 6  # words of a new name
LONGEST_SENTENCE = 10  # and of a test, which may be called a whole sentence
MOST_BEFORE = 2  # words before the "to" of "round to cents"


class Ends:
    def __init__(self, tokens: Sequence[Token], speech: Language) -> None:
        self._tokens = tokens
        self._words = [token.word for token in tokens]
        names = speech.data["names"]
        self._hard = speech.words("names", "ends")
        self._soft = speech.words("names", "soft_ends")
        self._inner = speech.words("names", "inner")
        self._telling = speech.words("names", "telling")
        self._verbs = speech.words("names", "verbs")
        self._adverbs = speech.words("names", "adverbs")
        self._being = speech.words("names", "being")
        self._sentence = speech.words("names", "sentence_ends")
        self._closing = speech.words("determiners") | speech.words("names", "closing")
        self._units = speech.words("names", "units")
        self._parting = speech.phrases("names", "parting")
        self._together = speech.phrases("names", "together")
        self._reaching: dict[str, Sequence[str]] = names["reaching"]

    def after(
        self,
        start: int,
        taken: Taken,
        *,
        formed: bool = False,
        sentence: bool = False,
        slashes: bool = False,
        inside: frozenset[str] = frozenset(),
    ) -> int:
        """The place behind the name that begins at `start`. `formed`: its form was said, so that
        it may have more; `sentence`: it may be one; `slashes`: they are part of it; `inside`:
        words that may be its second one."""
        most = LONGEST_SENTENCE if sentence else LONGEST
        last = min(start + most, len(self._tokens))
        for place in range(start, last):
            token = self._tokens[place]
            if (token.mark == "/" and not slashes) or self._is_other(start, place, taken):
                return place
            if place == start or (place == start + 1 and self._words[place] in inside):
                continue
            if token.pause or self._is_over(start, place, taken, formed, sentence):
                return place
        going_on = last < len(self._tokens) and not self._tokens[last].pause
        return self._first_weak(start, last) if going_on and not sentence else last

    def passes_on(self, word: str) -> bool:
        """Whether a sentence goes on with this word, and no name begins with it."""
        return word in self._hard | self._soft

    def is_end(self, place: int) -> bool:
        """Whether nothing follows here, or a word that no name has."""
        if place >= len(self._tokens) or self._tokens[place].pause:
            return True
        return self._words[place] in self._hard | self._soft | self._telling

    def _is_over(self, start: int, place: int, taken: Taken, formed: bool, sentence: bool) -> bool:
        word, before = self._words[place], self._words[place - 1]
        closes = self.closes(place + 1, taken)
        if tuple(self._words[place : place + 2]) in self._parting:
            return True
        if not closes and ((before, word) in self._together or self._spelled(place)):
            return False
        if sentence:
            passing = self._hard | self._soft | self._inner
            return word in self._sentence or (word in passing and closes)
        if word == "in" and place + 1 < len(self._words) and self._is_unit(place + 1):
            return False
        if word in self._hard:
            return True
        if word in self._soft:
            return closes if formed else not self._reaches(start, place, taken)
        if word in self._telling:
            return before not in self._being
        if word in self._adverbs:
            return self.is_end(place + 1)
        inside = word in self._inner or (self._does(word) and place > start + 1)
        return closes and inside

    def _is_unit(self, place: int) -> bool:
        """ "timeout in seconds", and nothing behind it."""
        return self._words[place] in self._units and self.is_end(place + 1)

    def _is_other(self, start: int, place: int, taken: Taken) -> bool:
        """Whether a name of the repository is here that is no part of the new one. A symbol is
        where nothing joins it: "called test load user", where `load_user` is."""
        for first, last, written in taken:
            if first <= place < last:
                joined = place > start and self._words[place - 1] not in self._inner | self._soft
                return not (joined and first > start and not {"/", "."} & set(written))
        return False

    def closes(self, place: int, taken: Taken) -> bool:
        """Whether what comes here is no part of a name: "… on the page", "… by adding"."""
        if place >= len(self._tokens) or self._tokens[place].pause:
            return False
        word = self._words[place]
        return (
            self._does(word)
            or word in self._closing
            or any(f <= place < last for f, last, _ in taken)
        )

    def _does(self, word: str) -> bool:
        """ "adding", which tells of a name what is done; but not "string"."""
        return word in self._telling or not self._verbs.isdisjoint(verbs_in(word))

    def _reaches(self, start: int, place: int, taken: Taken) -> bool:
        """ "convert to UTC", where the name is over behind it: such verbs are called so."""
        verbs = self._reaching.get(self._words[place], ())
        if self._words[start] not in verbs or place - start > MOST_BEFORE:
            return False
        there = place + 1 < len(self._tokens) and not self._tokens[place + 1].pause
        ends = self.is_end(place + 2) or self.is_end(place + 3)
        return there and ends and not self.closes(place + 1, taken)

    def _spelled(self, place: int) -> bool:
        """A letter among letters: the "a" of "H M A C"."""
        beside = self._words[place - 1 : place] + self._words[place + 1 : place + 2]
        return len(self._words[place]) == 1 and any(len(word) == 1 for word in beside)

    def _first_weak(self, start: int, last: int) -> int:
        """No end was found: where it may have been, at best."""
        weak = self._inner | self._adverbs
        places = (place for place in range(start + 1, last) if self._words[place] in weak)
        return next(places, last)


def verbs_in(word: str) -> set[str]:
    """What "adding", "saving" and "planning" may come from."""
    stem = word.removesuffix("ing")
    return {stem, f"{stem}e", stem[:-1]} if stem != word else set()
