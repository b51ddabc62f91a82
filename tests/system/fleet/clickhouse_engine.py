# SPDX-License-Identifier: Apache-2.0
"""ClickHouse itself, as the library that npm has of it (chdb), by its C interface.

534 MB: it is fetched only when asked for, into the folder of the build that other packages of npm are kept in."""

import ctypes
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "convert"))
import npm_package  # noqa: E402

PACKAGE = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1"
FETCH_SECONDS = 180


def library(folder, fetch):
    """The path of libchdb.so; the test is skipped where it is not there and `fetch` is False, or cannot be fetched."""
    path = os.path.join(folder, PACKAGE, "libchdb.so")
    if not fetch and not os.path.exists(path):
        npm_package.skip(f"{PACKAGE} of npm is not in {folder}: scripts/nightly fetches it (534 MB)")
    return npm_package.fetch(PACKAGE, folder, "libchdb.so", FETCH_SECONDS)


class Engine:
    """One per process, as the library has it."""

    def __init__(self, path, folder):
        self.library = ctypes.CDLL(path)
        size, text, pointer = ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p
        self.library.chdb_connect.restype = ctypes.POINTER(pointer)
        query = self.library.chdb_query_with_params_n
        query.restype = pointer
        query.argtypes = [pointer, text, size, text, size, ctypes.POINTER(text), ctypes.POINTER(size), ctypes.POINTER(text),
                          ctypes.POINTER(size), size]
        for name, result in (("buffer", pointer), ("length", size), ("error", text)):
            function = getattr(self.library, "chdb_result_" + name)
            function.restype, function.argtypes = result, [pointer]
        self.library.chdb_destroy_query_result.argtypes = [pointer]
        self.library.chdb_close_conn.argtypes = [ctypes.POINTER(pointer)]
        self.library.chdb_close_conn.restype = None
        words = [b"clickhouse", b"--path=" + os.fsencode(folder)]
        self.connection = self.library.chdb_connect(len(words), (text * len(words))(*words))
        if not self.connection:
            raise RuntimeError("chdb does not start")

    def query(self, sql, form="TSV", parameters=None):
        """The answer's bytes. `parameters` are values of {name:Type}, written like fields of TSV."""
        sql = sql.encode() if isinstance(sql, str) else sql
        items = [(name.encode(), value.encode() if isinstance(value, str) else value)
                 for name, value in (parameters or {}).items()]
        texts, sizes = ctypes.c_char_p * len(items), ctypes.c_size_t * len(items)
        result = self.library.chdb_query_with_params_n(
            self.connection[0], sql, len(sql), form.encode(), len(form), texts(*(n for n, _ in items)),
            sizes(*(len(n) for n, _ in items)), texts(*(v for _, v in items)), sizes(*(len(v) for _, v in items)), len(items))
        try:
            error = self.library.chdb_result_error(result)
            if error:
                raise RuntimeError(error.decode(errors="replace"))
            length = self.library.chdb_result_length(result)
            return ctypes.string_at(self.library.chdb_result_buffer(result), length) if length else b""
        finally:
            self.library.chdb_destroy_query_result(result)

    def close(self):
        self.library.chdb_close_conn(self.connection)

    def run(self, script):
        """Statements that end with ";" at the end of a line."""
        for statement in script.split(";\n"):
            if statement.strip():
                self.query(statement)
