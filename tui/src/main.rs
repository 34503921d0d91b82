//! The program: arguments, terminal in and out, exit code.

fn main() {}
