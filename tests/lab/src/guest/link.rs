//! The host's end of the agent's port.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

use crate::agent::protocol::{Event, Request};

/// Receivers of the events of each command; None once the guest has gone.
type Routes = Arc<Mutex<Option<HashMap<u64, Sender<Event>>>>>;

/// A line to the agent.
#[derive(Debug)]
pub struct Link {
    socket: Mutex<UnixStream>,
    routes: Routes,
    next: AtomicU64,
}

impl Link {
    /// Starts to listen. The receiver gets the agent's greeting.
    pub fn new(socket: UnixStream) -> Result<(Self, Receiver<Event>)> {
        let reader = socket
            .try_clone()
            .context("cannot share the agent's channel")?;
        let (hello, greeting) = mpsc::channel();
        let routes: Routes = Arc::new(Mutex::new(Some(HashMap::new())));
        let shared = Arc::clone(&routes);
        thread::spawn(move || {
            listen(reader, &shared, &hello);
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = None;
        });
        Ok((
            Self {
                socket: Mutex::new(socket),
                routes,
                next: AtomicU64::new(1),
            },
            greeting,
        ))
    }

    /// Sends a request.
    pub fn send(&self, request: &Request) -> Result<()> {
        let mut line = serde_json::to_vec(request).context("cannot write a request")?;
        line.push(b'\n');
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        socket
            .write_all(&line)
            .context("the guest does not listen any more")
    }

    /// Sends a request that starts a command; its events come over the receiver, which closes when the guest goes.
    pub fn start(&self, request: impl FnOnce(u64) -> Request) -> Result<(u64, Receiver<Event>)> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel();
        if let Some(routes) = self
            .routes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
        {
            routes.insert(id, sender);
        }
        self.send(&request(id))?;
        Ok((id, receiver))
    }
}

fn listen(reader: UnixStream, routes: &Routes, hello: &Sender<Event>) {
    for line in BufReader::new(reader).lines() {
        let Ok(line) = line else { return };
        let event = match serde_json::from_str::<Event>(&line) {
            Ok(event) => event,
            Err(error) => {
                eprintln!("the agent said something not understood ({error}): {line}");
                return;
            }
        };
        let Some(id) = event.id() else {
            hello.send(event).ok();
            continue;
        };
        let last = matches!(event, Event::Exit { .. } | Event::Failed { .. });
        let mut routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(routes) = routes.as_mut() else {
            return;
        };
        if let Some(route) = routes.get(&id) {
            route.send(event).ok();
        }
        if last {
            routes.remove(&id);
        }
    }
}
