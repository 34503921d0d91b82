//! The lowest floor: text, files and signals, which know nothing of slabs and dentries.

pub mod filter;
pub(crate) mod guard;
pub mod json;
pub mod moment;
pub mod parse;
pub(crate) mod say;
pub mod shell;
pub(crate) mod signals;
pub mod text;
pub(crate) mod trusted;
pub(crate) mod xdg;
