"""The command line: a lazily loaded group of commands, and the border where every error becomes an exit code."""

from __future__ import annotations

import importlib
import os
import sys

import click
from typing_extensions import override

from schemas.errors import EXIT_BUG, EXIT_OK, EXIT_SIGINT, WizardError
from tui.catalog import COMMANDS, module_of

PROGRAM = "ltx2-wizard"
COMPLETION_VARIABLE = "_LTX2_WIZARD_COMPLETE"
EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE: the reader went away, as the shell would report it."""


class LazyGroup(click.Group):
    """Lists commands from the catalog and imports a command's module only when it is used."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(module_of(cmd_name)).command
        return command

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=2)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"No such command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib import metadata

        click.echo(f"{PROGRAM} {metadata.version(PROGRAM)}")
        ctx.exit()


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Print the version."
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Fine-tune LTX-2 audio-video models from a terminal: wizard, trainer and live monitor.

    Without a command it opens the app: recent runs, new, edit, monitor.
    """
    if ctx.invoked_subcommand is not None:
        return
    from tui.terminal import can_draw

    if not can_draw():
        click.echo(ctx.get_help())
        return
    from tui.app.entry import open_home

    ctx.exit(open_home())


def run(argv: list[str]) -> int:
    """Run one command line and return its exit code; nothing but a signal leaves this function otherwise."""
    try:
        code = _guarded(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_standard_streams()
        return EXIT_BROKEN_PIPE
    return code


def _guarded(argv: list[str]) -> int:
    """Every error but a broken pipe as an exit code."""
    try:
        return _invoke(argv)
    except BrokenPipeError:
        raise
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo(err=True)
        return EXIT_SIGINT
    except WizardError as error:
        click.echo(str(error), err=True)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the border of this process
        return _report_crash(error, argv)


def _invoke(argv: list[str]) -> int:
    instruction = os.environ.get(COMPLETION_VARIABLE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(cli, {}, PROGRAM, COMPLETION_VARIABLE, instruction)
    with cli.make_context(PROGRAM, list(argv)) as context:
        result = cli.invoke(context)
    return result if isinstance(result, int) else EXIT_OK


def _report_crash(error: Exception, argv: list[str]) -> int:
    from tui.crash import write_report

    path = write_report(error, argv)
    where = f"; details: {path}" if path else " (and no place to write a report)"
    click.echo(f"{PROGRAM}: unexpected {type(error).__name__}: {error}{where}", err=True)
    for note in getattr(error, "__notes__", ()):
        click.echo(note, err=True)
    return EXIT_BUG


def _silence_standard_streams() -> None:
    """Let the interpreter flush into nothing at exit instead of complaining a second time."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
