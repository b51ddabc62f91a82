# SPDX-License-Identifier: Apache-2.0
"""profile.proto decoded by hand, with nothing but Python's own library: what the stand-in engine reads."""

import zlib


class Malformed(Exception):
    """The bytes are no profile, or not one that an engine takes."""


def inflate(data, limit=64 << 20):
    """gzip, one member or several; plain bytes are themselves."""
    if data[:2] != b"\x1f\x8b":
        return data
    out = b""
    while data:
        stream = zlib.decompressobj(31)
        try:
            out += stream.decompress(data, limit)
        except zlib.error as error:
            raise Malformed(f"gzip: {error}") from error
        if not stream.eof:
            raise Malformed("gzip: the stream ends early")
        data = stream.unused_data
    return out


def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("a varint without end")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (1 << 64) - 1, at
        shift += 7


def fields(data):
    """(number, value) of each field; bytes for those with a length."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise Malformed("a field without number")
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            if at > len(data):
                raise Malformed("a field that is cut off")
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
            value = 0
        else:
            raise Malformed(f"wire type {kind}")
        yield number, value


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def numbers(value):
    """Of a repeated field: packed or one."""
    if isinstance(value, int):
        return [value]
    found, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        found.append(number)
    return found


class Profile:
    """Messages as dictionaries of field numbers; a repeated one is a list."""

    def __init__(self, plain):
        self.size = len(plain)
        self.types, self.samples, self.strings, self.comments = [], [], [], []
        self.mappings, self.locations, self.functions = [], [], []
        self.time = self.duration = 0
        tables = {3: self.mappings, 4: self.locations, 5: self.functions}
        for number, value in fields(plain):
            if number == 1:
                self.types.append(dict(fields(value)))
            elif number == 2:
                self.samples.append(self.sample(value))
            elif number == 6:
                self.strings.append(value)
            elif number == 9:
                self.time = signed(value)
            elif number == 10:
                self.duration = signed(value)
            elif number == 13:
                self.comments += numbers(value)
            elif number in tables:
                entry = {}
                for inner, part in fields(value):
                    if number == 4 and inner == 4:
                        entry.setdefault(4, []).append(dict(fields(part)))
                    else:
                        entry[inner] = part
                tables[number].append(entry)

    @staticmethod
    def sample(value):
        locations, values, labels = [], [], []
        for number, part in fields(value):
            if number == 1:
                locations += numbers(part)
            elif number == 2:
                values += [signed(one) for one in numbers(part)]
            elif number == 3:
                labels.append(dict(fields(part)))
        return locations, values, labels

    def text(self, index):
        if index >= len(self.strings):
            raise Malformed("a string's index is out of range")
        return self.strings[index].decode("utf-8", "replace")

    def check(self):
        """What pprof's own reader, Pyroscope and Parca have in common."""
        if not self.strings or self.strings[0] != b"":
            raise Malformed("string 0 is not empty")
        if not self.types:
            raise Malformed("no sample types")
        for text in self.strings:
            try:
                text.decode("utf-8")
            except UnicodeDecodeError as error:
                raise Malformed(f"invalid UTF-8: {text!r}") from error
        for name, table in (("mapping", self.mappings), ("location", self.locations), ("function", self.functions)):
            for i, entry in enumerate(table):
                if entry.get(1, 0) != i + 1:
                    raise Malformed(f"{name} id is not sequential")
        for location in self.locations:
            if location.get(2, 0) > len(self.mappings):
                raise Malformed("location has invalid mapping id")
            for line in location.get(4, []):
                if line.get(1, 0) > len(self.functions):
                    raise Malformed("location has invalid function id")
        for function in self.functions:
            for field in (2, 3, 4):
                self.text(function.get(field, 0))
        for mapping in self.mappings:
            self.text(mapping.get(5, 0))
            self.text(mapping.get(6, 0))
        for comment in self.comments:
            self.text(comment)
        for locations, values, labels in self.samples:
            if len(values) != len(self.types):
                raise Malformed("mismatch of values and types")
            if any(location == 0 or location > len(self.locations) for location in locations):
                raise Malformed("location number is out of range")
            for label in labels:
                if label.get(1, 0) == 0:
                    raise Malformed("a label has no key")
                self.text(label[1])
                self.text(label.get(2, 0))

    def type_names(self):
        return [self.text(one.get(1, 0)) for one in self.types]

    def comment_texts(self):
        return [self.text(comment) for comment in self.comments]

    def totals(self):
        return [sum(values[i] for _, values, _ in self.samples) for i in range(len(self.types))]
