//! Access to the kernel: its files as values, the readers of the dentry cache, open directories.

pub mod aside;
pub mod observer;
pub mod page_cache;
pub mod paths;
pub mod reach;
pub mod readdir;
pub mod reader;
pub mod reconfigure;
pub mod session;
pub mod source;
pub mod target;
