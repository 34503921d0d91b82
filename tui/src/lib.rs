//! slabscope: an ncdu for the kernel's dentry cache inside a better slabtop.
//!
//! The code stands on floors, and a file uses what is on its own floor or below (tests/floors.rs):
//!
//! | floor | what it knows |
//! | --- | --- |
//! | [`cli`] | the command line: a subcommand reads, prints and ends, or starts the screen |
//! | [`ui`] | the screen: a model, updates, views, and the threads that feed them |
//! | [`reclaim`] | what is done about it: prunes, the wider rungs, settings, and the audit of all of them |
//! | [`cache`] | what the figures mean: census, negatives, hotspots, holders, history |
//! | [`kernel`] | what the kernel says: its files, the readers of the dentry cache, open directories |
//! | [`base`] | text, paths, JSON, signals: nothing of slabs |
//!
//! The threads of [`ui::runtime`] send [`ui::update::Msg`]s into one channel, [`ui::update::update`]
//! changes the [`ui::model::Model`] and answers with effects, and [`ui::view::render`] draws the
//! model. Nothing else changes the model, and nothing of the screen does I/O but the runtime.

pub mod abi;
pub mod base;
pub mod cache;
pub mod cli;
pub mod kernel;
#[cfg(test)]
#[path = "../../tests/support/private.rs"]
mod private;
pub mod reclaim;
pub mod ui;
