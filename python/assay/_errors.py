"""Exceptions of the package; each has the message of the C library, which says what, where and what to do."""

from __future__ import annotations


class AssayError(Exception):
    """Base of everything that Assay raises by itself."""


class ArgumentError(AssayError, ValueError):
    """A call cannot mean anything, such as an index out of range."""


class ArgumentTypeError(AssayError, TypeError):
    """A call got something of a kind that it cannot take, such as a class where an object is meant."""


class OutOfMemoryError(AssayError, MemoryError):
    """There is not enough memory."""


class StorageError(AssayError, OSError):
    """A file or folder cannot be read or written."""


class DataError(AssayError, ValueError):
    """The data break a rule, such as a price that is not positive; the message names symbol, date and column."""


class ConfigError(AssayError, ValueError):
    """An unknown setting or parameter, or a value of the wrong type or out of its bounds."""


class NotFoundError(AssayError, LookupError):
    """There is no such symbol, run, table or strategy."""


class StrategyError(AssayError, RuntimeError):
    """A strategy gave a signal that cannot be one, such as a strength of NaN."""


class InternalError(AssayError, RuntimeError):
    """An invariant broke, such as a ledger that does not close: a mistake in Assay itself."""


class CancelledError(AssayError):
    """The caller asked to stop."""


class AssayWarning(UserWarning):
    """Something that is no error and should not go unseen, such as rows that were left out."""
