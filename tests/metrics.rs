//! The metrics as Debian's prometheus and promtool take them, with the alerts and the dashboard of
//! packaging/.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

#[path = "support/program.rs"]
mod program;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use program::Home;
use serde_json::Value;

/// It has slab caches of 1 MiB and more, and cgroups of v2.
const KERNEL: &str = "7.3.4+deb13-cloud-amd64";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// A program of Debian's package prometheus.
fn debian(program: &str) -> Command {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
    });
    assert!(
        found,
        "{program} is missing: apt-get install prometheus, as tests/run does"
    );
    Command::new(program)
}

fn metrics(kernel: &str) -> Command {
    let mut command = Home::read_only().command();
    let root = workspace().join("tests/fixtures").join(kernel);
    command.arg("--root").arg(root).arg("metrics");
    command
}

/// What promtool says of a text that it reads from standard input.
fn promtool(args: &[&str], text: &[u8]) -> Output {
    let mut command = debian("promtool");
    command.args(args).stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    for kernel in fs::read_dir(workspace().join("tests/fixtures")).unwrap() {
        let kernel = kernel.unwrap().file_name().into_string().unwrap();
        if kernel == "foreign" {
            continue;
        }
        let page = metrics(&kernel).output().unwrap();
        assert_eq!(page.status.code(), Some(0), "{kernel}: {page:?}");
        let said = promtool(&["check", "metrics"], &page.stdout);
        let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success() && text.is_empty(), "{kernel}: {text}");
    }
}

#[test]
fn alerts_fire_on_what_they_are_for() {
    let test = workspace().join("tests/metrics/rules.yml");
    let said = promtool(&["test", "rules", test.to_str().unwrap()], b"");
    assert!(said.status.success(), "{said:?}");
}

/// Ends when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The metrics of a fixture, served; where they are.
fn serve() -> (Running, SocketAddr) {
    let mut command = metrics(KERNEL);
    command
        .args(["--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped());
    let mut child = Running(command.spawn().unwrap());
    let mut line = String::new();
    let mut said = BufReader::new(child.0.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).unwrap();
    let address = address.trim_end().strip_suffix("/metrics").unwrap();
    (child, address.parse().unwrap())
}

/// A prometheus that scrapes `target` every second and has the alerts.
fn prometheus(target: SocketAddr) -> (Home, Running, SocketAddr) {
    let kept = Home::acting("prometheus");
    let home = kept.path();
    let rules = workspace().join("packaging/prometheus/slabscope.rules.yml");
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [{rules:?}]\n\
         scrape_configs:\n  - job_name: slabscope\n    static_configs: [{{targets: ['{target}']}}]\n"
    );
    fs::write(home.join("prometheus.yml"), config).unwrap();
    // It can be given no free port by itself.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let log = fs::File::create(home.join("log")).unwrap();
    let child = debian("prometheus")
        .arg(format!(
            "--config.file={}",
            home.join("prometheus.yml").display()
        ))
        .arg(format!(
            "--storage.tsdb.path={}",
            home.join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    (kept, Running(child), address)
}

fn get(address: SocketAddr, path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

/// How many series a query returns.
fn series(address: SocketAddr, query: &str) -> usize {
    let encoded = query.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02x}").unwrap();
        text
    });
    let answer = get(address, &format!("/api/v1/query?query={encoded}")).unwrap_or_default();
    answer["data"]["result"].as_array().map_or(0, Vec::len)
}

/// All queries of the dashboard.
fn queries() -> Vec<String> {
    let dashboard = fs::read(workspace().join("packaging/grafana/slabscope.json")).unwrap();
    let dashboard: Value = serde_json::from_slice(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    targets
        .map(|target| target["expr"].as_str().unwrap().replace("$instance", ".+"))
        .collect()
}

#[test]
fn prometheus_scrapes_it_and_every_query_of_the_dashboard_returns_series() {
    let (_server, target) = serve();
    let (home, _prometheus, address) = prometheus(target);
    let log = || fs::read_to_string(home.path().join("log")).unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    // A slope takes two samples.
    while series(address, "count_over_time(slabscope_build_info[1h]) >= 2") == 0 {
        assert!(Instant::now() < end, "nothing was scraped: {}", log());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(series(address, "up == 1"), 1, "{}", log());
    let queries = queries();
    assert!(queries.len() > 12, "{queries:?}");
    for query in queries {
        assert!(series(address, &query) > 0, "{query}: {}", log());
    }
    let rules = get(address, "/api/v1/rules").unwrap();
    let rules = rules["data"]["groups"][0]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 6, "{rules:?}");
}
