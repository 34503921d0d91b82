//! A server of one page over HTTP/1.1, in one thread.
//!
//! Anybody who reaches the port may send anything, at any speed, or nothing. So a client has a
//! bounded time and a bounded request, there are [`Limits::clients`] at most, and of those that have not
//! sent their request the oldest makes room for a new one: a scraper sends its own at once.

use std::fmt::Display;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Clients at a time.
    pub clients: usize,
    /// Bytes of a request.
    pub request: usize,
    /// From its connection to the end of its answer.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients: 16,
            request: 8 << 10,
            time: Duration::from_secs(10),
        }
    }
}

/// Where the page is.
pub(super) const PATH: &str = "/metrics";

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Most lines in the head of a request.
const HEADERS: usize = 64;

/// The server.
#[derive(Debug)]
pub(super) struct Server {
    listener: TcpListener,
    limits: Limits,
    /// The oldest first.
    clients: Vec<Client>,
}

#[derive(Debug)]
struct Client {
    stream: TcpStream,
    end: Instant,
    request: Vec<u8>,
    /// The answer with what of it was sent; None: the request is not complete.
    answer: Option<(Vec<u8>, usize)>,
}

impl Server {
    /// Serves those who connect to `listener`.
    pub(super) fn new(listener: TcpListener, limits: Limits) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            limits,
            clients: Vec::new(),
        })
    }

    /// Waits until somebody wants something, and does it. `page` makes the page.
    pub(super) fn turn(&mut self, page: &mut dyn FnMut() -> Result<String, String>) {
        let ready = self.wait();
        let now = Instant::now();
        let mut ready = ready.into_iter();
        let connected = ready.next().unwrap_or(false);
        // Those behind the ones that are ready have not changed.
        let mut ready = ready.chain([false].into_iter().cycle());
        self.clients.retain_mut(|client| {
            let goes_on = !ready.next().unwrap_or(false) || client.go_on(&self.limits, page);
            goes_on && now < client.end
        });
        if connected {
            self.accept(now);
        }
    }

    /// Whether there is somebody at the door, then whether each client is ready.
    fn wait(&self) -> Vec<bool> {
        let mut fds = vec![PollFd::new(&self.listener, PollFlags::IN)];
        for client in &self.clients {
            let what = match client.answer {
                Some(_) => PollFlags::OUT,
                None => PollFlags::IN,
            };
            fds.push(PollFd::new(&client.stream, what));
        }
        let ends = self.clients.iter().map(|client| client.end);
        let left = ends.min().map(|end| {
            // Rounded up: it must not end just before the time.
            end.saturating_duration_since(Instant::now()) + Duration::from_millis(1)
        });
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds, left.as_ref()) {
            Ok(_) => fds.iter().map(|fd| !fd.revents().is_empty()).collect(),
            // A signal; or no memory, which may be there a moment later.
            Err(_) => vec![false; fds.len()],
        }
    }

    fn accept(&mut self, now: Instant) {
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                let gone = [ErrorKind::WouldBlock, ErrorKind::ConnectionAborted];
                if !gone.contains(&error.kind()) {
                    // Too many open files: the client stays at the door, and asking at once would
                    // take all of the processor.
                    thread::sleep(Duration::from_millis(100));
                }
                return;
            }
        };
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        if self.clients.len() >= self.limits.clients {
            let idle = self
                .clients
                .iter()
                .position(|client| client.answer.is_none());
            self.clients.remove(idle.unwrap_or(0));
        }
        self.clients.push(Client {
            stream,
            end: now + self.limits.time,
            request: Vec::new(),
            answer: None,
        });
    }
}

impl Client {
    /// Reads or writes once. False: it has ended.
    fn go_on(&mut self, limits: &Limits, page: &mut dyn FnMut() -> Result<String, String>) -> bool {
        let done = match self.answer {
            None => self.read(limits, page),
            Some(_) => self.write(),
        };
        match done {
            Ok(goes_on) => goes_on,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    fn read(
        &mut self,
        limits: &Limits,
        page: &mut dyn FnMut() -> Result<String, String>,
    ) -> io::Result<bool> {
        let mut bytes = [0; 2048];
        let room = limits.request.saturating_sub(self.request.len());
        let most = bytes.len().min(room + 1);
        let read = self.stream.read(&mut bytes[..most])?;
        if read == 0 {
            return Ok(false);
        }
        self.request.extend_from_slice(&bytes[..read]);
        let answer = match self.request.len() > limits.request {
            true => Some(refusal("431 Request Header Fields Too Large")),
            false => answer(&self.request, page),
        };
        let Some(answer) = answer else {
            return Ok(true);
        };
        self.answer = Some((answer, 0));
        self.write()
    }

    fn write(&mut self) -> io::Result<bool> {
        let Some((answer, sent)) = &mut self.answer else {
            return Ok(false);
        };
        *sent += self.stream.write(&answer[*sent..])?;
        if *sent < answer.len() {
            return Ok(true);
        }
        self.stream.shutdown(Shutdown::Write)?;
        Ok(false)
    }
}

/// The answer to a request; None: it is not complete.
fn answer(request: &[u8], page: &mut dyn FnMut() -> Result<String, String>) -> Option<Vec<u8>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    match head.parse(request) {
        Ok(httparse::Status::Partial) => return None,
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => {
            return Some(refusal("431 Request Header Fields Too Large"));
        }
        Err(_) => return Some(refusal("400 Bad Request")),
    }
    let target = head.path.unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let mut answer = match path {
        PATH => match page() {
            Ok(page) => response("200 OK", OPEN_METRICS, page),
            Err(why) => response("500 Internal Server Error", PLAIN, why + "\n"),
        },
        "/" => response(
            "200 OK",
            PLAIN,
            format!("slabscope: metrics are at {PATH}\n"),
        ),
        _ => refusal("404 Not Found"),
    };
    match head.method {
        Some("GET") => {}
        Some("HEAD") => {
            let body = answer.windows(4).position(|four| four == b"\r\n\r\n");
            answer.truncate(body.map_or(answer.len(), |at| at + 4));
        }
        _ => answer = refusal("405 Method Not Allowed\r\nAllow: GET, HEAD"),
    }
    Some(answer)
}

fn refusal(status: &str) -> Vec<u8> {
    let why = status.split("\r\n").next().unwrap_or_default();
    response(status, PLAIN, format!("{why}\n"))
}

fn response(status: &str, kind: &str, body: impl Display) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    (head + &body).into_bytes()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    /// A server with a page of this size, for the rest of the test binary's life.
    fn server(limits: Limits, bytes: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = Server::new(listener, limits).unwrap();
        thread::spawn(move || {
            loop {
                server.turn(&mut || Ok("x".repeat(bytes)));
            }
        });
        address
    }

    fn connect(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        let longest = Some(Duration::from_secs(20));
        stream.set_read_timeout(longest).unwrap();
        stream
    }

    /// Sends it and returns the whole answer.
    fn ask(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = connect(address);
        stream.write_all(request).unwrap();
        rest(stream)
    }

    fn rest(mut stream: TcpStream) -> String {
        let mut answer = String::new();
        // What was not read of a request resets the connection behind its answer.
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    const GET: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

    #[test]
    fn page_is_served_whole_and_the_connection_closed() {
        let address = server(Limits::default(), 3 << 20);
        let answer = ask(address, GET);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(OPEN_METRICS) && head.contains("Content-Length: 3145728"));
        assert_eq!(body.len(), 3 << 20);
        let head = ask(address, b"HEAD /metrics HTTP/1.0\r\n\r\n");
        assert!(head.contains("Content-Length: 3145728") && head.ends_with("\r\n\r\n"));
    }

    #[test]
    fn request_in_pieces_is_answered() {
        let mut stream = connect(server(Limits::default(), 5));
        for byte in GET {
            stream.write_all(&[*byte]).unwrap();
        }
        assert!(rest(stream).ends_with("\r\n\r\nxxxxx"));
    }

    #[test]
    fn wrong_requests_are_refused_with_their_status() {
        let address = server(Limits::default(), 5);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(HEADERS + 1));
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(9 << 10));
        for (request, status) in [
            (&b"GET /other HTTP/1.1\r\n\r\n"[..], "404"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
            (b"\x16\x03\x01\x02\x00\x01\x00", "400"),
            (many.as_bytes(), "431"),
            (long.as_bytes(), "431"),
        ] {
            let answer = ask(address, request);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{status}: {answer}"
            );
        }
        assert!(ask(address, b"GET / HTTP/1.1\r\n\r\n").contains(PATH));
    }

    #[test]
    fn clients_that_send_nothing_do_not_keep_others_out() {
        let limits = Limits {
            clients: 4,
            time: Duration::from_secs(600),
            ..Limits::default()
        };
        let address = server(limits, 5);
        let silent: Vec<_> = (0..200).map(|_| connect(address)).collect();
        assert!(ask(address, GET).ends_with("xxxxx"));
        drop(silent);
    }

    #[test]
    fn client_that_is_too_slow_is_left() {
        let limits = Limits {
            time: Duration::from_millis(50),
            ..Limits::default()
        };
        // More than the buffers of a connection hold, so that it waits for a reader.
        let address = server(limits, 64 << 20);
        let mut never_ends = connect(address);
        never_ends.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
        assert_eq!(rest(never_ends), "");
        let mut never_reads = connect(address);
        never_reads.write_all(GET).unwrap();
        thread::sleep(Duration::from_millis(500));
        assert!(rest(never_reads).len() < 64 << 20);
    }
}
