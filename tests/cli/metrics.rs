//! `slabscope metrics`, apart from what prometheus makes of it (tests/metrics.rs).

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::program::Home;
use super::{KERNEL, captured, command, fixture, slabscope};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn metrics(home: &Home) -> std::process::Command {
    let mut command = home.command();
    command.arg("--root").arg(fixture(KERNEL)).arg("metrics");
    command
}

/// Ends when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The names in a directory.
fn names(directory: &std::path::Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn textfile(home: &Home) -> PathBuf {
    let directory = home.path().join("textfile");
    fs::create_dir_all(&directory).unwrap();
    directory.join("slabscope.prom")
}

#[test]
fn textfile_is_replaced_as_a_whole_and_everybody_may_read_it() {
    let home = Home::acting("textfile");
    let path = textfile(&home);
    // A link that was planted there is replaced, and not followed.
    let other = home.path().join("other");
    fs::write(&other, "other").unwrap();
    symlink(&other, &path).unwrap();
    let mut child = metrics(&home);
    child.arg("--textfile").arg(&path).args(["--watch", "0.1"]);
    let child = Running(child.spawn().unwrap());
    let end = Instant::now() + Duration::from_secs(20);
    let mut seen = std::collections::HashSet::new();
    while seen.len() < 3 {
        assert!(Instant::now() < end, "it is not written: {seen:?}");
        let text = fs::read_to_string(&path).unwrap();
        if text != "other" {
            assert!(
                text.starts_with("# HELP ") && text.ends_with("\n# EOF\n"),
                "{text}"
            );
            seen.insert(text);
        }
    }
    drop(child);
    let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode, 0o100_644, "{mode:o}");
    assert_eq!(fs::read_to_string(other).unwrap(), "other");
}

#[test]
fn textfile_that_cannot_be_written_stays_as_it_was() {
    let home = Home::acting("textfile-full");
    let path = textfile(&home);
    fs::write(&path, "before").unwrap();
    let mut command = metrics(&home);
    command.arg("--textfile").arg(&path);
    let short = || {
        let limit = Rlimit {
            current: Some(100),
            maximum: Some(100),
        };
        Ok(setrlimit(Resource::Fsize, limit)?)
    };
    // SAFETY: it only makes a system call.
    unsafe { command.pre_exec(short) };
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = said(&output);
    assert!(
        said.contains("slabscope.prom: ") && !said.contains("os error"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "before");
    assert_eq!(names(path.parent().unwrap()), ["slabscope.prom"]);
}

#[test]
fn busy_port_and_address_beyond_loopback_are_refused() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let output = slabscope(&["metrics", "--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(
        text.contains(&format!("cannot listen on {address}: ")),
        "{text}"
    );
    assert!(text.contains("another port"), "{text}");
    for wide in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let output = slabscope(&["metrics", "--listen", wide]);
        assert_eq!(output.status.code(), Some(2), "{wide}");
        assert!(said(&output).contains("--beyond-loopback"), "{wide}");
    }
    let output = slabscope(&["metrics", "--listen", "9933"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("127.0.0.1:9933"),
        "{}",
        said(&output)
    );
}

#[test]
fn server_answers_beside_clients_that_send_nothing() {
    let mut command = metrics(Home::read_only());
    command
        .args(["--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped());
    let mut child = Running(command.spawn().unwrap());
    let mut line = String::new();
    let mut stderr = BufReader::new(child.0.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    let address = line.trim_end().rsplit("http://").next().unwrap();
    let address = address.strip_suffix("/metrics").unwrap();
    let silent: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("# EOF\n"),
        "{answer}"
    );
    drop(silent);
}

#[test]
fn unreadable_source_is_down_and_its_figures_are_missing() {
    let root = captured(
        "metrics-meminfo",
        &[("proc/meminfo", b"MemTotal: 1000 kB\nSlab: 10 kB\n")],
    );
    let output = command()
        .arg("metrics")
        .arg("--root")
        .arg(root)
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(3),
        "the caches are what it is for"
    );
    let page = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        page.contains("slabscope_source_up{source=\"slabinfo\"} 0\n"),
        "{page}"
    );
    assert!(
        page.contains("slabscope_source_up{source=\"meminfo\"} 1\n"),
        "{page}"
    );
    assert!(
        page.contains("slabscope_slab_bytes{reclaimable=\"unknown\"} 10240\n"),
        "{page}"
    );
    assert!(
        !page.contains("dentries") && !page.contains("slab_cache"),
        "{page}"
    );
    assert!(said(&output).contains("proc/slabinfo"));
}
