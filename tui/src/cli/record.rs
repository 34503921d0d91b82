//! `slabscope record`: what the kernel reports, kept in a file.

use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;

use super::{Context, Exit, Failure, Run};
use crate::base::say::say;
use crate::base::text::{bytes, duration, printable, reason};
use crate::base::trusted;
use crate::base::{guard, parse, signals};
use crate::cache::recording::{About, Recorder, RecordingError, Settings};
use crate::cache::verdict::{Rule, verdict};
use crate::kernel::observer::{Observation, Observer, Pace};

/// Record slab caches, memory, dentries, inodes and cgroups into a file, until it is stopped
///
/// The file is a database of SQLite, which grows by one or two MiB an hour; docs/user/recording.md
/// describes its tables. It goes on if it is there. SIGTERM and Ctrl-C end it in order; after SIGKILL or a
/// full disk nothing but the last interval is missing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file, which is made if need be
    file: PathBuf,

    /// Seconds between two samples
    #[arg(short = 'd', long, visible_alias = "delay", value_name = "SECONDS", default_value = "1", value_parser = super::seconds)]
    interval: Duration,

    /// Keep samples for this long
    #[arg(long, value_name = "TIME", default_value = "2d", value_parser = parse::duration)]
    keep: Duration,

    /// Keep the figures of each minute for this long
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = parse::duration)]
    keep_minutes: Duration,

    /// Use at most this much of the file: the oldest makes room
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = most)]
    max_size: u64,

    /// Keep this much in memory alone, and write the file on SIGHUP and when something stands out, as on the slab screen
    #[arg(long, value_name = "TIME", value_parser = parse::duration, conflicts_with_all = ["keep", "keep_minutes"])]
    ring: Option<Duration>,
}

/// A size that holds some hours.
fn most(text: &str) -> Result<u64, String> {
    match parse::size(text)? {
        size if size >= 4 << 20 => Ok(size),
        _ => Err("not 4M or more".into()),
    }
}

impl From<RecordingError> for Failure {
    fn from(error: RecordingError) -> Self {
        let exit = match &error {
            RecordingError::Io(_, error)
                if error.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                Exit::Permission
            }
            _ => Exit::Failed,
        };
        let message = format!("{error}\n{}", error.remedy());
        Self::new(exit, message.trim_end())
    }
}

/// Where the cgroups stand is kept once a minute.
const CGROUPS: Pace = Pace {
    least: Duration::from_secs(30),
    times: 500,
};

impl Run for Args {
    fn run(&self, context: &Context, _out: &mut dyn Write) -> Result<Exit, Failure> {
        let path = std::path::absolute(&self.file)?;
        let mut observer = Observer::new(&context.root, CGROUPS);
        let kernel = observer.kernel();
        let about = About {
            host: kernel.hostname().ok(),
            kernel: kernel.release().ok(),
            boot: kernel.boot_id().ok(),
        };
        let settings = self.settings();
        let recorder = match self.ring {
            None => Recorder::open(&path, settings, &about)?,
            Some(_) => Recorder::in_memory(settings, &about)?,
        };
        let mut recording = Recording {
            recorder,
            path,
            ring: self.ring.is_some(),
            stands_out: None,
            said: String::new(),
        };
        let signals = watch_signals(recording.ring)?;
        // What it has to do on a signal may take the disk more than a moment.
        guard::takes_back(true);
        recording.announce(self);
        let begin = Instant::now();
        let mut next = begin;
        loop {
            let observation = observer.observe();
            // A capture's uptime stands still.
            let since_boot = context.is_live().then(|| observer.kernel().uptime().ok());
            let since_boot = since_boot.flatten().unwrap_or_else(|| begin.elapsed());
            recording.add(&observation, since_boot)?;
            next = (next + self.interval).max(Instant::now());
            while let Some(signal) = wait(&signals, next) {
                if signal == SIGHUP && recording.ring {
                    guard::goes_on();
                    recording.save();
                } else {
                    recording.recorder.close()?;
                    return Ok(Exit::Ok);
                }
            }
        }
    }
}

impl Args {
    fn settings(&self) -> Settings {
        Settings {
            interval: self.interval,
            samples: self.ring.unwrap_or(self.keep),
            minutes: self.ring.unwrap_or(self.keep_minutes),
            most_bytes: self.max_size,
        }
    }
}

/// The signal that came until then.
fn wait(signals: &Receiver<i32>, until: Instant) -> Option<i32> {
    let left = until.saturating_duration_since(Instant::now());
    match signals.recv_timeout(left) {
        Ok(signal) => Some(signal),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => {
            thread::sleep(left);
            None
        }
    }
}

/// The signals that end it. A ring takes SIGHUP even if it was started with that ignored.
fn watch_signals(ring: bool) -> Result<Receiver<i32>, Failure> {
    let all = signals::ending().into_iter().chain(ring.then_some(SIGHUP));
    let mut signals = Signals::new(all)?;
    let (sender, receiver) = channel();
    let forward = move || {
        for signal in signals.forever() {
            if sender.send(signal).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().spawn(forward)?;
    Ok(receiver)
}

/// A recording under way.
struct Recording {
    recorder: Recorder,
    path: PathBuf,
    ring: bool,
    /// What stood out last, and when that was noted.
    stands_out: Option<(Rule, Instant)>,
    /// The last error that was said: it is not said again each second.
    said: String,
}

/// What stands out all the time is noted again after this long.
const AGAIN: Duration = Duration::from_secs(3_600);

impl Recording {
    fn announce(&self, args: &Args) {
        let path = printable(&self.path);
        match args.ring {
            None => say!("recording to {path}, at most {}", bytes(args.max_size)),
            Some(ring) => say!(
                "recording the last {} in memory; SIGHUP writes {path}: kill -HUP {}",
                duration(ring),
                rustix::process::getpid()
            ),
        }
    }

    fn add(&mut self, observation: &Observation, since_boot: Duration) -> Result<(), Failure> {
        match self.recorder.add(observation, since_boot) {
            Ok(()) if self.said.is_empty() => {}
            Ok(()) => {
                say!("{}: recording again", printable(&self.path));
                self.said.clear();
            }
            Err(error) if error.passes() => {
                let text = error.to_string();
                if text != self.said {
                    say!("{text}; trying again, what is there stays");
                    self.said = text;
                }
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        self.note(observation);
        Ok(())
    }

    /// Notes what stands out, once it does.
    fn note(&mut self, observation: &Observation) {
        let Some((rule, words)) = verdict(&observation.sample) else {
            return;
        };
        let noted = |(last, at): (Rule, Instant)| last == rule && at.elapsed() < AGAIN;
        if self.stands_out.is_some_and(noted) {
            return;
        }
        self.stands_out = Some((rule, Instant::now()));
        // The next sample meets the same error, and says it.
        let _ = self.recorder.event(observation.at, "stands out", &words);
        if self.ring {
            self.save();
        }
    }

    /// Writes the ring to the file, in the place of what is there.
    fn save(&mut self) {
        // The clock of the sample may be another machine's; of this it is of ours.
        let _ = self.recorder.event(
            SystemTime::now(),
            "saved",
            "the ring was written to its file",
        );
        match self.write() {
            Ok(size) => say!("{}: {} written", printable(&self.path), bytes(size)),
            Err(error) => say!("{error}; what is in memory stays"),
        }
    }

    fn write(&self) -> Result<u64, String> {
        let ring = self.recorder.bytes().map_err(|error| error.to_string())?;
        trusted::replace(&self.path, &ring, 0o600)
            .map_err(|error| format!("{}: {}", printable(&self.path), reason(&error)))?;
        Ok(ring.len() as u64)
    }
}
