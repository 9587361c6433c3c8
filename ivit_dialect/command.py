"""How a command ends: with an exit code, and with one line on stderr where something is wrong."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from ivit_dialect.knobs import knobs

BAD_INPUT, INTERNAL, INTERRUPTED = 1, 3, 130


def exit_code_of(program: str, command: Callable[[], None], refusals: tuple[type[Exception], ...]) -> int:
    """Run ``command``; what it raises becomes one line and a code (and a traceback with IVIT_DEBUG).

    ``refusals``, beside OSError and ValueError, are the exceptions that mean bad input.
    """
    try:
        debug = knobs().debug
    except ValueError as error:
        return _tell(program, f"error: {error}", BAD_INPUT)
    try:
        command()
    except KeyboardInterrupt:
        return _tell(program, "interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has left; Python would complain when it exits
        return BAD_INPUT
    except (OSError, ValueError, *refusals) as error:
        _show(error, debug)
        return _tell(program, f"error: {_line(error)}", BAD_INPUT)
    except Exception as error:  # the last resort: still one line
        _show(error, debug)
        message = f"internal error: {type(error).__name__}: {_line(error)} (IVIT_DEBUG=1 shows where)"
        return _tell(program, message, INTERNAL)
    return 0


def _show(error: Exception, debug: int) -> None:
    if debug:
        traceback.print_exception(error)


def _tell(program: str, message: str, code: int) -> int:
    print(f"{program}: {message}", file=sys.stderr)
    return code


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__
