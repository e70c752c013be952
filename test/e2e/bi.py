"""Read views of sentinel_bi through ODBC, as text that can be compared with what psql prints.

Usage: bi.py DSN FOLDER VIEW...; writes FOLDER/VIEW, a line per row, fields parted by U+001F, nulls as \\N; and FOLDER/types,
a line per column: view, column, name and kind of the type that ODBC reports.
"""
import datetime
import decimal
import os
import sys

import pyodbc

KINDS = {
    pyodbc.SQL_CHAR: "character", pyodbc.SQL_VARCHAR: "character", pyodbc.SQL_LONGVARCHAR: "character",
    pyodbc.SQL_WCHAR: "character", pyodbc.SQL_WVARCHAR: "character", pyodbc.SQL_WLONGVARCHAR: "character",
    pyodbc.SQL_NUMERIC: "numeric", pyodbc.SQL_DECIMAL: "numeric", pyodbc.SQL_TYPE_TIMESTAMP: "timestamp",
}
# What a client gets for a column of each kind, as a result set describes it.
PYTHON_TYPES = {"character": str, "numeric": decimal.Decimal, "timestamp": datetime.datetime}


def text(value):
    """The value as psql prints it where the session's time zone is UTC."""
    if value is None:
        return "\\N"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        fraction = f".{value.microsecond:06d}".rstrip("0").rstrip(".")
        return f"{value:%Y-%m-%d %H:%M:%S}{fraction}+00"
    if isinstance(value, str):
        return value
    raise TypeError(f"ODBC gave a {type(value).__name__}")


def main():
    dsn, folder, views = sys.argv[1], sys.argv[2], sys.argv[3:]
    connection = pyodbc.connect(f"DSN={dsn}", autocommit=True)
    cursor = connection.cursor()
    with open(os.path.join(folder, "types"), "w", encoding="utf-8") as types:
        for view in views:
            columns = [(row.column_name, row.type_name, KINDS.get(row.data_type, f"type {row.data_type}"))
                       for row in cursor.columns(schema="sentinel_bi", table=view)]
            order = ", ".join(str(place + 1) for place in range(len(columns)))
            cursor.execute(f"SELECT * FROM sentinel_bi.{view} ORDER BY {order}")
            for (name, type_name, kind), described in zip(columns, cursor.description, strict=True):
                if described[0] != name or PYTHON_TYPES.get(kind) is not described[1]:
                    kind = f"{kind}, but {described[1].__name__} in a result"
                types.write(f"{view} {name} {type_name} {kind}\n")
            with open(os.path.join(folder, view), "w", encoding="utf-8") as rows:
                for row in cursor:
                    rows.write("\x1f".join(text(value) for value in row) + "\n")


main()
