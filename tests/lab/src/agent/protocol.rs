//! The messages of the host and the agent: one JSON object a line, each way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The name of the virtio port they speak over.
pub const PORT: &str = "slabscope.agent";

/// Bytes of any kind, as JSON carries them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Bytes(pub Vec<u8>);

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        STANDARD.encode(bytes.0)
    }
}

impl TryFrom<String> for Bytes {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        STANDARD.decode(text).map(Self)
    }
}

/// Columns and rows of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Number of columns.
    pub cols: u16,
    /// Number of rows.
    pub rows: u16,
}

/// A request of the host. Every command has a number of the host's choice, which its events carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Run a shell command with pipes.
    Exec {
        /// Its number.
        id: u64,
        /// For `sh -c`.
        command: String,
        /// Added to the environment.
        env: Vec<(String, String)>,
        /// Its standard input.
        stdin: Bytes,
    },
    /// Run a shell command on the screen, as the leader of a session.
    Screen {
        /// Its number.
        id: u64,
        /// For `sh -c`.
        command: String,
        /// Added to the environment.
        env: Vec<(String, String)>,
        /// The screen's size.
        size: Size,
    },
    /// Signal a command and everything in its process group.
    Kill {
        /// Its number.
        id: u64,
        /// The signal's number.
        signal: i32,
    },
    /// The screen has another size now.
    Resize(Size),
    /// Switch the guest off.
    Poweroff,
}

/// One of the two streams of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// An event that the agent reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The guest is ready.
    Hello {
        /// `uname -r`.
        release: String,
    },
    /// A command has printed something.
    Output {
        /// Its number.
        id: u64,
        /// The stream of the output.
        stream: Stream,
        /// The output.
        data: Bytes,
    },
    /// A command has ended.
    Exit {
        /// Its number.
        id: u64,
        /// Its status; 128 plus the signal's number if a signal ended it.
        status: i32,
    },
    /// A command could not be started.
    Failed {
        /// Its number.
        id: u64,
        /// The error.
        error: String,
    },
}

impl Event {
    /// The number of the command that an event belongs to.
    pub fn id(&self) -> Option<u64> {
        match self {
            Self::Hello { .. } => None,
            Self::Output { id, .. } | Self::Exit { id, .. } | Self::Failed { id, .. } => Some(*id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_survive_the_line() {
        let event = Event::Output {
            id: 7,
            stream: Stream::Stderr,
            data: Bytes((0..=255).collect()),
        };
        let line = serde_json::to_string(&event).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }

    #[test]
    fn size_is_serialized_flat() {
        let line = serde_json::to_string(&Request::Resize(Size { cols: 80, rows: 24 })).unwrap();
        assert_eq!(line, r#"{"type":"resize","cols":80,"rows":24}"#);
    }
}
