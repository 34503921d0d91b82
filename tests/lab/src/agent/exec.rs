//! Commands in the guest: with pipes, or on the screen.

use std::fs::File;
use std::io::{Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::fs::OFlags;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::termios::{QueueSelector, Winsize, tcflush, tcsetwinsize};

use super::protocol::{Bytes, Event, Size, Stream};
use super::serve::Host;

/// The screen's device.
const SCREEN: &str = "/dev/hvc0";

/// Time to wait for output after a command's end: its background processes may hold the pipes for
/// ever.
const LINGER: Duration = Duration::from_secs(3);

/// Runs a command with pipes and reports its output and its end.
pub fn piped(host: &Arc<Host>, id: u64, command: &str, env: &[(String, String)], stdin: Bytes) {
    let started = shell(command, env)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            return host.send(&Event::Failed {
                id,
                error: error.to_string(),
            });
        }
    };
    let (done, all_done) = mpsc::channel::<()>();
    if let Some(stdout) = child.stdout.take() {
        forward(host, id, Stream::Stdout, stdout, done.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(host, id, Stream::Stderr, stderr, done);
    }
    if let Some(mut pipe) = child.stdin.take() {
        thread::spawn(move || pipe.write_all(&stdin.0));
    }
    let status = wait(host, id, &mut child);
    // Closed when both readers have ended.
    all_done.recv_timeout(LINGER).ok();
    host.send(&Event::Exit { id, status });
}

/// Runs a command on the screen, as the leader of a session whose terminal the screen is.
pub fn on_screen(host: &Arc<Host>, id: u64, command: &str, env: &[(String, String)], size: Size) {
    match start_on_screen(command, env, size) {
        Err(error) => host.send(&Event::Failed {
            id,
            error: format!("{error:#}"),
        }),
        Ok(mut child) => {
            let status = wait(host, id, &mut child);
            host.send(&Event::Exit { id, status });
        }
    }
}

/// The end of a session hangs up its terminal for everyone, so the device is opened anew each time,
/// and holds the size only while it is open.
fn start_on_screen(command: &str, env: &[(String, String)], size: Size) -> Result<Child> {
    let screen = open_screen()?;
    let sane = Command::new("stty")
        .arg("sane")
        .stdin(Stdio::from(
            screen.try_clone().context("cannot share the screen")?,
        ))
        .status()
        .context("cannot run stty")?;
    ensure!(sane.success(), "stty: {sane}");
    // Input from before belongs to nobody.
    tcflush(&screen, QueueSelector::IFlush).context("cannot clear the screen's input")?;
    tcsetwinsize(&screen, winsize(size)).context("cannot set the screen's size")?;
    let shared = |screen: &File| -> Result<Stdio> {
        Ok(Stdio::from(
            screen.try_clone().context("cannot share the screen")?,
        ))
    };
    Command::new("setsid")
        .args(["--ctty", "sh", "-c", command])
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(shared(&screen)?)
        .stdout(shared(&screen)?)
        .stderr(shared(&screen)?)
        .spawn()
        .context("cannot start the command")
}

/// Gives the screen another size; the kernel notifies the programs on it.
pub fn resize(size: Size) -> Result<()> {
    tcsetwinsize(open_screen()?, winsize(size)).context("cannot set the screen's size")
}

fn open_screen() -> Result<File> {
    let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits();
    let screen = File::options()
        .read(true)
        .write(true)
        .custom_flags(i32::try_from(flags).unwrap_or(0))
        .open(SCREEN)
        .with_context(|| format!("cannot open {SCREEN}"))?;
    rustix::fs::fcntl_setfl(&screen, OFlags::empty()).context("cannot set up the screen")?;
    Ok(screen)
}

fn winsize(size: Size) -> Winsize {
    Winsize {
        ws_row: size.rows,
        ws_col: size.cols,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn shell(command: &str, env: &[(String, String)]) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .envs(env.iter().map(|(name, value)| (name, value)));
    shell
}

fn forward(
    host: &Arc<Host>,
    id: u64,
    stream: Stream,
    mut pipe: impl Read + Send + 'static,
    done: mpsc::Sender<()>,
) {
    let host = Arc::clone(host);
    thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            host.send(&Event::Output {
                id,
                stream,
                data: Bytes(buffer[..count].to_vec()),
            });
        }
        drop(done);
    });
}

/// Waits for a child's end, and forgets its number before another process can get it.
fn wait(host: &Host, id: u64, child: &mut Child) -> i32 {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        host.started(id, pid);
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
        host.ended(id);
    }
    child.wait().map_or(255, |status| {
        status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
    })
}
