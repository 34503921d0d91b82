//! `slabscope metrics`: the figures for Prometheus and what reads its formats.

mod families;
mod serve;

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::{Context, Exit, Failure, Run};
use crate::base::say::say;
use crate::base::text::{printable, reason};
use crate::base::trusted;
use crate::kernel::observer::{Observer, Pace};
use serve::{Limits, Server};

/// Give the figures to Prometheus: as a file, as a server, or printed once
///
/// The text is OpenMetrics. Caches and cgroups of 1 MiB and more have series of their own, the 40 largest
/// of each; a figure that is not known has none. docs/user/metrics.md describes all of them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write them to this file, which is replaced as a whole: NAME.prom in the directory of node_exporter's textfile collector
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    textfile: Option<PathBuf>,

    /// Write the file again at this interval, until it is stopped
    #[arg(short = 'd', long, visible_alias = "delay", value_name = "SECONDS", value_parser = super::seconds, requires = "textfile")]
    watch: Option<Duration>,

    /// Serve them at http://ADDRESS:PORT/metrics, until it is stopped; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    listen: Option<SocketAddr>,

    /// Allow --listen on an address that other machines reach: they can read the figures then
    #[arg(long, requires = "listen")]
    beyond_loopback: bool,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let example = "expected an address and a port, such as 127.0.0.1:9933 or [::1]:9933";
    text.parse().map_err(|_| example.into())
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        let mut page = Page::new(Observer::new(&context.root, Pace::default()));
        if let Some(address) = self.listen {
            let mut server = self.server(address)?;
            loop {
                server.turn(&mut || page.recent());
            }
        }
        let Some(path) = &self.textfile else {
            let (text, exit) = page.now()?;
            out.write_all(text.as_bytes())?;
            return Ok(exit);
        };
        let path = std::path::absolute(path)?;
        let mut said = String::new();
        loop {
            let (text, exit) = page.now()?;
            // For everybody to read: node_exporter is another user.
            let written = trusted::replace(&path, text.as_bytes(), 0o644)
                .map_err(|error| format!("{}: {}", printable(&path), reason(&error)));
            match (self.watch, written) {
                (None, Ok(())) => return Ok(exit),
                (None, Err(error)) => return Err(Failure::new(Exit::Failed, error)),
                (Some(_), Ok(())) => said.clear(),
                // The disk may have room again: what is there gets old meanwhile, which shows in
                // its time.
                (Some(_), Err(error)) if error != said => {
                    say!("{error}; trying again");
                    said = error;
                }
                (Some(_), Err(_)) => {}
            }
            if let Some(interval) = self.watch {
                thread::sleep(interval);
            }
        }
    }
}

impl Args {
    fn server(&self, address: SocketAddr) -> Result<Server, Failure> {
        if !address.ip().to_canonical().is_loopback() && !self.beyond_loopback {
            let message = format!(
                "{address}: other machines reach this address: \
                 add --beyond-loopback if all of them may read the figures"
            );
            return Err(Failure::new(Exit::Usage, message));
        }
        let failed = |error: io::Error| {
            let exit = match error.kind() {
                ErrorKind::PermissionDenied => Exit::Permission,
                _ => Exit::Failed,
            };
            let remedy = match error.kind() {
                ErrorKind::AddrInUse => {
                    let port = address.port();
                    format!(": take another port, or end what has it: ss -ltnp sport = :{port}")
                }
                ErrorKind::PermissionDenied => ": ports below 1024 are root's".into(),
                ErrorKind::AddrNotAvailable => ": no interface has this address: ip addr".into(),
                _ => String::new(),
            };
            let message = format!("cannot listen on {address}: {}{remedy}", reason(&error));
            Failure::new(exit, message)
        };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let server = Server::new(listener, Limits::default()).map_err(failed)?;
        say!("metrics are at http://{address}{}", serve::PATH);
        Ok(server)
    }
}

/// The text, as of now or of a moment ago.
struct Page {
    observer: Observer,
    last: Option<(Instant, String)>,
}

/// A text is served again for this long: however many ask, the kernel is asked once a second.
const RECENT: Duration = Duration::from_secs(1);

impl Page {
    fn new(observer: Observer) -> Self {
        Self {
            observer,
            last: None,
        }
    }

    /// The text, and whether all of it could be read.
    fn now(&mut self) -> Result<(String, Exit), Failure> {
        let observation = self.observer.observe();
        let exit = super::slabs::complain(&observation.sample, "metrics");
        let text = families::text(observation);
        Ok((
            text.map_err(|error| Failure::new(Exit::Failed, error))?,
            exit,
        ))
    }

    /// What cannot be read is not said on standard error with each request: `source_up` says it.
    fn recent(&mut self) -> Result<String, String> {
        if let Some((at, text)) = &self.last
            && at.elapsed() < RECENT
        {
            return Ok(text.clone());
        }
        let text = families::text(self.observer.observe()).map_err(|error| error.to_string())?;
        self.last = Some((Instant::now(), text.clone()));
        Ok(text)
    }
}
