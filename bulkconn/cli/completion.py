"""`bulkconn completion`: the script that teaches a shell our commands and flags."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_INSTALL = {
    "bash": '# put into ~/.bashrc:  eval "$(bulkconn completion bash)"',
    "zsh": '# put into ~/.zshrc:  eval "$(bulkconn completion zsh)"',
    "fish": "# save as ~/.config/fish/completions/bulkconn.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(sorted(_INSTALL)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Print the completion script of a shell: bash, zsh or fish."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    script = kind(ctx.find_root().command, {}, "bulkconn", "_BULKCONN_COMPLETE")
    # `source` would first run bash to look at its version; the template needs no more than the names.
    click.echo(f"{_INSTALL[shell]}\n{script.source_template % script.source_vars()}")
    return 0
