//! The program `rounds`.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("render-worker") {
        return rounds::report::worker_main();
    }
    ExitCode::SUCCESS
}
