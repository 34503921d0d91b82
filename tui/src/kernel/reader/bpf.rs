//! The reader for kernels without the module: a BPF program (`tui/bpf/census.bpf.c`) that is run,
//! never attached, and that reads the dentry cache under RCU. docs/internals/readers.md says how its figures
//! stay right.
//!
//! [`load`](take) puts it into the kernel once for as long as the program runs; [`Walk`] gives it
//! directories to count, and makes of its answers what the module's session yields.

mod check;
mod layout;
mod load;
mod pool;
mod request;
mod told;
mod walk;

pub use load::{BpfError, Loaded, Reads};
pub use pool::{failed, give_back, load, take};
pub use walk::Walk;
