//! The lab's hand in the guest: its first process, its command runner, and small tools for scenes and tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    slabscope_lab::agent::main()
}
