//! The agent's main loop: reads requests from the host's port and starts a thread for each command.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use super::exec;
use super::protocol::{Event, PORT, Request};

/// The commands that run, and the channel to the host.
#[derive(Debug)]
pub struct Host {
    port: Mutex<File>,
    running: Mutex<HashMap<u64, Pid>>,
}

impl Host {
    /// Sends the host an event. A failure means that the host is gone.
    pub fn send(&self, event: &Event) {
        let Ok(mut line) = serde_json::to_vec(event) else {
            return;
        };
        line.push(b'\n');
        let mut port = self.port.lock().unwrap_or_else(PoisonError::into_inner);
        port.write_all(&line).ok();
    }

    /// Notes the process group of a command, so that it can be signalled.
    pub fn started(&self, id: u64, pid: Pid) {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, pid);
    }

    /// Forgets it, before its number can be given to another process.
    pub fn ended(&self, id: u64) {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    fn kill(&self, id: u64, signal: i32) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(pid), Some(signal)) = (running.get(&id), Signal::from_named_raw(signal)) {
            kill_process_group(*pid, signal).ok();
        }
    }
}

/// The port reads as ended while the host is not there: that is no end.
struct Port(File);

impl Read for Port {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.0.read(buffer)? {
                0 => thread::sleep(Duration::from_millis(20)),
                count => return Ok(count),
            }
        }
    }
}

/// Serves the host until it switches the guest off.
pub fn run() -> Result<()> {
    let path = port()?;
    let port = File::options()
        .read(true)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    let writer = port.try_clone().context("cannot share the port")?;
    let host = Arc::new(Host {
        port: Mutex::new(writer),
        running: Mutex::default(),
    });
    host.send(&Event::Hello {
        release: super::init::release(),
    });
    for line in BufReader::new(Port(port)).lines() {
        let line = line.context("cannot read from the host")?;
        match serde_json::from_str(&line).with_context(|| format!("not understood: {line}"))? {
            Request::Exec {
                id,
                command,
                env,
                stdin,
            } => {
                let host = Arc::clone(&host);
                thread::spawn(move || exec::piped(&host, id, &command, &env, stdin));
            }
            Request::Screen {
                id,
                command,
                env,
                size,
            } => {
                let host = Arc::clone(&host);
                thread::spawn(move || exec::on_screen(&host, id, &command, &env, size));
            }
            Request::Kill { id, signal } => host.kill(id, signal),
            Request::Resize(size) => {
                if let Err(error) = exec::resize(size) {
                    eprintln!("agent: {error:#}");
                }
            }
            Request::Poweroff => return Ok(()),
        }
    }
    bail!("the host has gone")
}

/// Finds the port by its name: there is no udev to do it.
fn port() -> Result<PathBuf> {
    for _ in 0..200 {
        for entry in fs::read_dir("/sys/class/virtio-ports")
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
            if name.trim_end() == PORT {
                return Ok(PathBuf::from("/dev").join(entry.file_name()));
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("there is no virtio port named {PORT}")
}
