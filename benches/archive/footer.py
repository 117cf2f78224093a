"""Footers and page indexes of Parquet files, as far as they say which bytes must be read: what pyarrow has
and does not show. It reads Thrift's compact protocol, and no values of columns.

Source: parquet.thrift of apache/parquet-format; "Thrift Compact protocol encoding" of Apache Thrift.
"""

import dataclasses
import pathlib

# Field numbers of parquet.thrift.
ROW_GROUPS = 4
COLUMNS, ROWS = 1, 3
METADATA, OFFSET_INDEX, COLUMN_INDEX = 3, (4, 5), (6, 7)
PATH, COMPRESSED, DATA_PAGE, DICTIONARY_PAGE, STATISTICS, BLOOM = 3, 7, 9, 11, 12, (14, 15)
MOST, LEAST = 5, 6


@dataclasses.dataclass
class Page:
    first_row: int
    length: int


@dataclasses.dataclass
class Chunk:
    length: int
    least: bytes | None
    most: bytes | None
    bloom_length: int
    column_index_length: int
    offset_index_length: int
    dictionary_length: int
    pages: list
    ranges: list

    def rows_that_may_have(self, value, rows):
        """The ranges of rows in whose pages the value may be."""
        if not self.ranges:
            return [(0, rows)]
        ends = [page.first_row for page in self.pages[1:]] + [rows]
        found = []
        for page, end, (least, most) in zip(self.pages, ends, self.ranges):
            if least is not None and least <= value <= most:
                found.append((page.first_row, end))
        return found

    def bytes_of(self, ranges, rows):
        """Bytes of the pages that have rows of these ranges, with the dictionary."""
        if not ranges:
            return 0
        if not self.pages:
            return self.length
        ends = [page.first_row for page in self.pages[1:]] + [rows]
        needed = [
            page.length
            for page, end in zip(self.pages, ends)
            if any(first < end and page.first_row < last for first, last in ranges)
        ]
        return self.dictionary_length + sum(needed)


@dataclasses.dataclass
class Group:
    number: int
    rows: int
    columns: dict


@dataclasses.dataclass
class Footer:
    length: int
    groups: list


def read(path):
    data = pathlib.Path(path).read_bytes()
    assert data[-4:] == b"PAR1", path
    length = int.from_bytes(data[-8:-4], "little")
    metadata = Thrift(data, len(data) - 8 - length).struct()
    groups = []
    for number, group in enumerate(metadata[ROW_GROUPS]):
        columns = {}
        for column in group[COLUMNS]:
            name = column[METADATA][PATH][0].decode()
            columns[name] = chunk(data, column)
        groups.append(Group(number, group[ROWS], columns))
    return Footer(length + 8, groups)


def chunk(data, column):
    metadata = column[METADATA]
    statistics = metadata.get(STATISTICS, {})
    dictionary = metadata.get(DICTIONARY_PAGE)
    pages, ranges = [], []
    if OFFSET_INDEX[0] in column:
        for location in Thrift(data, column[OFFSET_INDEX[0]]).struct()[1]:
            pages.append(Page(location[3], location[2]))
    if COLUMN_INDEX[0] in column:
        index = Thrift(data, column[COLUMN_INDEX[0]]).struct()
        for is_null, least, most in zip(index[1], index[2], index[3]):
            ranges.append((None, None) if is_null else (least, most))
    return Chunk(
        length=metadata[COMPRESSED],
        least=statistics.get(LEAST),
        most=statistics.get(MOST),
        bloom_length=metadata.get(BLOOM[1], 0),
        column_index_length=column.get(COLUMN_INDEX[1], 0),
        offset_index_length=column.get(OFFSET_INDEX[1], 0),
        dictionary_length=0 if dictionary is None else metadata[DATA_PAGE] - dictionary,
        pages=pages,
        ranges=ranges,
    )


def common(some, others):
    """The rows that are in both."""
    both = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return [(first, last) for first, last in both if first < last]


class Thrift:
    """Values as the compact protocol writes them, from a place in some bytes."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    def struct(self):
        """The fields of a struct by their numbers."""
        fields, number = {}, 0
        while True:
            byte = self._byte()
            if byte == 0:
                return fields
            number = number + (byte >> 4) if byte >> 4 else self._zigzag()
            fields[number] = self._value(byte & 15)

    def _value(self, kind):
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._zigzag()
        if kind == 7:
            self.at += 8
            return self.data[self.at - 8 : self.at]
        if kind == 8:
            length = self._varint()
            self.at += length
            return self.data[self.at - length : self.at]
        if kind in (9, 10):
            byte = self._byte()
            length = byte >> 4 if byte >> 4 < 15 else self._varint()
            # A boolean in a list is a byte: 1 is true.
            return [self._byte() == 1 if byte & 15 in (1, 2) else self._value(byte & 15) for _ in range(length)]
        if kind == 12:
            return self.struct()
        raise ValueError(f"no type {kind} of Thrift")

    def _byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def _varint(self):
        value, shift = 0, 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def _zigzag(self):
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
