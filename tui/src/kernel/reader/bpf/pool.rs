//! The BPF programs that are loaded: each is checked once, and kept for the next walk.

use std::sync::{Mutex, PoisonError};

use super::check::check;
use super::load::{self, BpfError, Loaded, Reads};

/// Those that are loaded and that no walk uses.
#[allow(clippy::vec_box)] // they are handed on as boxes
static IDLE: Mutex<Vec<Box<Loaded>>> = Mutex::new(Vec::new());

/// Why it could not be loaded: what holds for the life of a process is not tried again.
static FAILED: Mutex<Option<BpfError>> = Mutex::new(None);

/// Takes the program for a walk, and loads it if need be, which takes some 0.2 s.
pub fn take() -> Result<Box<Loaded>, BpfError> {
    if let Some(loaded) = lock(&IDLE).pop() {
        return Ok(loaded);
    }
    if let Some(error) = lock(&FAILED).clone() {
        return Err(error);
    }
    let loaded = load(Reads::Direct).or_else(|error| match error {
        // What is missing is missing for both.
        BpfError::NoBtf | BpfError::Permission | BpfError::Lockdown => Err(error),
        error => load(Reads::Probe).map(|mut loaded| {
            loaded.instead = Some(error.to_string());
            loaded
        }),
    });
    if let Err(error) = &loaded {
        *lock(&FAILED) = Some(error.clone());
    }
    loaded
}

/// Why it could not be loaded, if that was tried.
pub fn failed() -> Option<BpfError> {
    lock(&FAILED).clone()
}

/// Keeps the program for the next walk.
pub fn give_back(loaded: Box<Loaded>) {
    lock(&IDLE).push(loaded);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Loads the program that reads in this way, and checks that it reads what is there.
pub fn load(reads: Reads) -> Result<Box<Loaded>, BpfError> {
    let mut loaded = load::load(reads)?;
    loaded.known = check(&mut loaded)?;
    Ok(loaded)
}
