//! slabscope: an ncdu for the kernel's dentry cache inside a better slabtop.
//!
//! How it hangs together: the threads of [`runtime`] send [`update::Msg`]s into one channel,
//! [`update::update`] changes the [`model::Model`] and answers with effects, and [`view::render`]
//! draws the model. Nothing else changes the model, and nothing else does I/O than [`runtime`].

#[path = "../../kmod/abi.rs"]
pub mod abi;
pub mod aside;
pub mod audit;
pub mod caches;
pub mod census;
pub mod cli;
pub mod columns;
pub mod config;
pub mod filter;
pub mod history;
pub mod holders;
pub mod hotspots;
pub mod json;
pub mod keymap;
pub mod keys_now;
pub mod ladder;
pub mod look;
pub mod model;
pub mod negatives;
pub mod page_cache;
pub mod parse;
#[cfg(test)]
#[path = "../../tests/support/private.rs"]
mod private;
pub mod prune;
pub mod reach;
pub mod readdir;
pub mod reader;
pub mod reclaim;
pub mod runtime;
mod say;
pub mod screen;
pub mod session;
pub mod shapes;
pub mod shell;
pub mod shrink;
mod signals;
pub mod source;
pub mod target;
pub mod text;
mod trusted;
pub mod tune;
pub mod update;
pub mod view;
pub mod who;
mod xdg;
