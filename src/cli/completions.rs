//! `rounds completions`: completion of the command line for a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use super::exit::Exit;

/// Arguments of `rounds completions`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rounds completions bash > /usr/share/bash-completion/completions/rounds\n  rounds completions zsh > ~/.zfunc/_rounds\n  rounds completions fish > ~/.config/fish/completions/rounds.fish"
)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(super) fn completions(args: &CompletionsArgs) -> Exit {
    clap_complete::generate(args.shell, &mut Cli::command(), "rounds", &mut std::io::stdout());
    Exit::Fine
}
