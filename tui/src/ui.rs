//! The screen: a model that only updates change, views that draw it, threads that feed it.

pub mod columns;
pub mod config;
pub mod keymap;
pub mod keys_now;
pub mod look;
pub mod model;
pub mod palette;
pub mod runtime;
pub mod screen;
pub mod update;
pub mod view;
