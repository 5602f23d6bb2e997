"""What each code of a text means to the lists of some atoms: decided once for each different code.

A text is cut at its commas. Most pieces are one code, of which there are a few thousand; a text with a piece that has
other separators inside is cut again after all separators have become commas.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules.criteria.nodes import CODE_FIELDS, CodeAtom, FollowedBy, HasCode, NamedCodes, Position, lists_named
from ebi_rules.layouts.binding import Binding
from ebi_rules.translate.distinct_answers import DistinctAnswers
from ebi_rules.translate.view_table import Numbers
from opcs_icd import NOT_CODABLE, SEPARATORS

Truths = npt.NDArray[np.bool_]

_SEPARATORS = "[" + "".join(f"\\x{{{ord(character):x}}}" for character in SEPARATORS) + "]+"
_NOTHING, _CODE, _SEVERAL = range(3)
_PIECE = "piece"
_WORD = 63
"""How many lists have their bits in one word."""


@dataclass(frozen=True)
class Codes:
    """What some texts contain, one value per text.

    Attributes:
        verdicts: Whether each atom holds.
        codes: The number of codes.
        malformed: The number of codes that are malformed.
        is_filler: Whether the only code is one that stands for no code where it is alone.
        is_malformed: Whether the first code is malformed.
        is_short: Whether the first code has only three characters.
        is_not_codable: Whether a code says that the procedure has no code.
    """

    verdicts: list[Truths]
    codes: Numbers
    malformed: Numbers
    is_filler: Truths
    is_malformed: Truths
    is_short: Truths
    is_not_codable: Truths


@dataclass
class _Table:
    """What is known of each piece of text, by its number.

    Attributes:
        is_kept: Whether numbers stay the same for as long as texts are read.
    """

    kind: npt.NDArray[np.uint8]
    lists: npt.NDArray[np.uint64]
    malformed: Truths
    short: Truths
    lone: Truths
    not_codable: Truths
    is_kept: bool = field(default=False, kw_only=True)

    def with_rows(self, other: "_Table", is_kept: bool = False) -> "_Table":
        """Return this table with another's rows below."""
        pairs = ((getattr(self, each.name), getattr(other, each.name)) for each in fields(self)[:-1])
        return _Table(*map(np.concatenate, pairs), is_kept=is_kept)


class CodeTokens:
    """Cut texts of one field into codes, and decide atoms on them.

    Args:
        name: The field of codes.
        binding: The layout, which says what stands for no code.
        atoms: The atoms to decide, all about this field, none of them `Recorded`.
    """

    def __init__(self, name: str, binding: Binding, atoms: Sequence[CodeAtom]) -> None:
        self._atoms = atoms
        self._lists: list[NamedCodes] = list(dict.fromkeys(named for atom in atoms for named in lists_named(atom)))
        self._words = len(self._lists) // _WORD + 1
        self._prefixes = _prefixes_by_length(self._lists, self._words)
        self._system = CODE_FIELDS[name]
        self._not_codes = binding.not_codes(name)
        self._lone = binding.lone_fillers(name)
        self._table = self._described(pl.Series([], dtype=pl.String))
        self._pieces = DistinctAnswers(self._learn)

    def read(self, texts: pl.Series) -> Codes:
        """Return what texts contain; none of them may be null."""
        return self._combined(*self._cut(texts))

    def _cut(self, texts: pl.Series) -> tuple[_Table, Numbers, Numbers]:
        """Return a table of pieces of text, the place in it of each piece, and how many pieces each text has."""
        pieces = texts.str.split(",")
        lengths = pieces.list.len().to_numpy().astype(np.int64)
        table, numbers = self._numbered(pieces.explode(empty_as_null=False))
        has_several = table.kind[numbers] == _SEVERAL
        if not has_several.any():
            return table, numbers, lengths
        is_odd = np.zeros(len(texts), np.bool_)
        is_odd[np.repeat(np.arange(len(texts)), lengths)[has_several]] = True
        of_odd, odd_numbers, odd_lengths = self._cut(texts.filter(pl.Series(is_odd)).str.replace_all(_SEPARATORS, ","))
        if of_odd.is_kept and table.is_kept:
            table = of_odd  # The same, with what is new.
        else:
            odd_numbers = odd_numbers + len(table.kind)
            table = table.with_rows(of_odd)
        even_numbers = numbers[~np.repeat(is_odd, lengths)]
        lengths[is_odd] = odd_lengths
        is_of_odd = np.repeat(is_odd, lengths)
        numbers = np.empty(len(is_of_odd), np.int64)
        numbers[is_of_odd], numbers[~is_of_odd] = odd_numbers, even_numbers
        return table, numbers, lengths

    def of_numbered(self, pieces: pl.Series, numbers: Numbers, lengths: Numbers) -> Codes:
        """Return what texts contain whose pieces are known already, each one code.

        Args:
            pieces: The different pieces.
            numbers: The place in `pieces` of each piece of each text, in order.
            lengths: How many pieces each text has, one or more.
        """
        return self._combined(self._described(pieces), numbers, lengths.astype(np.int64))

    def _numbered(self, pieces: pl.Series) -> tuple[_Table, Numbers]:
        """Return a table of pieces of text, and the place in it of each piece."""
        numbers = self._pieces.known(pieces)
        if numbers is None:
            return self._described(pieces), np.arange(len(pieces))
        return self._table, numbers

    def _combined(self, table: _Table, numbers: Numbers, lengths: Numbers) -> Codes:
        """Put the pieces of each text together."""
        texts = len(lengths)
        is_code = table.kind[numbers] == _CODE
        rows = np.repeat(np.arange(texts), lengths)
        is_not_codable = np.zeros(texts, np.bool_)
        is_not_codable[rows[table.not_codable[numbers]]] = True
        rows, numbers = rows[is_code], numbers[is_code]
        codes = np.bincount(rows, minlength=texts)
        is_filler = np.zeros(texts, np.bool_)
        if self._lone:
            is_alone = codes[rows] == 1
            is_filler[rows[is_alone & table.lone[numbers]]] = True
            is_code = ~is_filler[rows]
            rows, numbers, codes = rows[is_code], numbers[is_code], np.where(is_filler, 0, codes)
        return self._answers(table, rows, numbers, codes, is_filler, is_not_codable)

    def _answers(
        self,
        table: _Table,
        rows: Numbers,
        numbers: Numbers,
        codes: Numbers,
        is_filler: Truths,
        is_not_codable: Truths,
    ) -> Codes:
        """Return what texts contain, from the number of each code and of its text, in order."""
        texts = len(codes)
        with_codes = codes > 0
        firsts = (np.cumsum(codes) - codes)[with_codes]

        def of_first(truth: Truths) -> Truths:
            found = np.zeros(texts, np.bool_)
            found[with_codes] = truth[numbers[firsts]]
            return found

        def counted(truth: Truths) -> Numbers:
            return np.bincount(rows[truth[numbers]], minlength=texts)

        of_code = table.lists[numbers]
        every = np.zeros((texts, of_code.shape[1]), np.uint64)
        first, further = every.copy(), every.copy()
        if len(firsts):
            every[with_codes] = np.bitwise_or.reduceat(of_code, firsts, axis=0)
            first[with_codes] = of_code[firsts]
            if any(isinstance(atom, HasCode) and atom.position is Position.SECONDARY for atom in self._atoms):
                after = of_code.copy()
                after[firsts] = 0
                further[with_codes] = np.bitwise_or.reduceat(after, firsts, axis=0)
        at = {
            Position.ANY: every,
            Position.PRIMARY: first,
            Position.SPELL: first,
            Position.SECONDARY: further,
        }
        verdicts = []
        for atom in self._atoms:
            if isinstance(atom, HasCode):
                verdicts.append(self._has(at[atom.position], atom.codes))
            else:
                assert isinstance(atom, FollowedBy), f"Unhandled node: {atom}"
                verdicts.append(self._is_followed(atom, rows, of_code, every))
        return Codes(
            verdicts,
            codes,
            counted(table.malformed),
            is_filler,
            of_first(table.malformed),
            of_first(table.short),
            is_not_codable,
        )

    def _has(self, words: npt.NDArray[np.uint64], named: NamedCodes) -> Truths:
        word, bit = divmod(self._lists.index(named), _WORD)
        is_set: Truths = (words[:, word] & np.uint64(1 << bit)) != 0
        return is_set

    def _is_followed(
        self,
        atom: FollowedBy,
        rows: Numbers,
        of_code: npt.NDArray[np.uint64],
        every: npt.NDArray[np.uint64],
    ) -> Truths:
        """Return whether a code of one list stands before a code of another, in each text."""
        earliest = np.full(len(every), len(rows), np.int64)
        latest = np.full(len(every), -1, np.int64)
        in_first, in_second = (np.flatnonzero(self._has(of_code, named)) for named in (atom.first, atom.second))
        earliest[rows[in_first][::-1]] = in_first[::-1]
        latest[rows[in_second]] = in_second
        return earliest < latest

    def _learn(self, pieces: pl.Series) -> Numbers:
        """Add pieces to the table, and return their numbers."""
        start = len(self._table.kind)
        self._table = self._table.with_rows(self._described(pieces), is_kept=True)
        return np.arange(start, start + len(pieces))

    def _described(self, pieces: pl.Series) -> _Table:
        """Return what is known of pieces of text."""
        bare = pl.col(_PIECE).str.replace_all(".", "", literal=True).str.to_uppercase().str.strip_chars(SEPARATORS)
        piece = pl.col(_PIECE)
        # One query for everything, as each costs something even for few pieces.
        known = (
            pieces.alias(_PIECE)
            .to_frame()
            .lazy()
            .select(bare)
            .select(
                is_nothing=piece.is_in(["", *self._not_codes]),
                has_several=piece.str.contains(_SEPARATORS),
                malformed=~piece.str.contains(f"^(?:{self._system.grammar.pattern})$"),
                short=piece.str.contains("^[A-Z][0-9]{2}$"),
                lone=piece.is_in(list(self._lone)),
                not_codable=piece == NOT_CODABLE,
                **{
                    str(length): piece.str.head(length).replace_strict(
                        prefixes, list(range(len(prefixes))), default=len(prefixes), return_dtype=pl.UInt32
                    )
                    for length, (prefixes, _) in self._prefixes.items()
                },
            )
            .collect()
        )
        kind = np.where(known["is_nothing"], _NOTHING, np.where(known["has_several"], _SEVERAL, _CODE))
        lists = np.zeros((len(pieces), self._words), np.uint64)
        for length, (_, of_prefixes) in self._prefixes.items():
            lists |= of_prefixes[known[str(length)].to_numpy()]
        truths = (known[name].to_numpy() for name in ("malformed", "short", "lone", "not_codable"))
        return _Table(kind.astype(np.uint8), lists, *truths)


def _prefixes_by_length(lists: Sequence[NamedCodes], words: int) -> dict[int, tuple[list[str], npt.NDArray[np.uint64]]]:
    """Return prefixes by length, and the lists that each is in as bits of words; those of none come last."""
    found: dict[int, dict[str, list[int]]] = {}
    for place, named in enumerate(lists):
        word, bit = divmod(place, _WORD)
        for prefix in named.codes.prefixes:
            found.setdefault(len(prefix), {}).setdefault(prefix, [0] * words)[word] |= 1 << bit
    return {
        length: (list(of_length), np.array([*of_length.values(), [0] * words], np.uint64))
        for length, of_length in found.items()
    }
