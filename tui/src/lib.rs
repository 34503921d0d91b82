//! slabscope: an ncdu for the kernel's dentry cache inside a better slabtop.

#[path = "../../kmod/abi.rs"]
pub mod abi;
pub mod census;
pub mod prune;
pub mod session;
