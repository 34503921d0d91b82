//! The records of a walk, read to the end and checked.

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;

use super::raw::{self, Device};
use slabscope::abi::{self, Counters, Header};

/// The state of a walk so far.
#[derive(Debug, Default)]
pub struct Stream {
    depth: usize,
    end: Option<End>,
    /// For each directory, inodes of its own children that were handled, in the order in which the
    /// directories were left.
    pub handled: Vec<u64>,
}

/// The last record.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Why the walk ended.
    pub status: u32,
    /// Its counters.
    pub counters: Counters,
}

impl Stream {
    /// Reads to the end, or to an error of the device, after which it can be called again. The
    /// outer error: the records violate the ABI.
    pub fn drain(&mut self, device: &Device, room: usize) -> Result<Result<End, Errno>> {
        let mut buffer = vec![0; room];
        loop {
            let read = match device.read(&mut buffer) {
                Ok(read) => read,
                Err(error) => return Ok(Err(error)),
            };
            if read == 0 {
                ensure!(self.depth == 0, "a directory was entered and not left");
                return self.end.context("the stream ends without a total").map(Ok);
            }
            self.take(&buffer[..read])?;
        }
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let header = raw::header(bytes).context("a header is cut off")?;
            let len = header.len as usize;
            ensure!(
                len.is_multiple_of(8) && (size_of::<Header>()..=bytes.len()).contains(&len),
                "{header:?} does not fit into what was read"
            );
            ensure!(self.end.is_none(), "{header:?} comes after the total");
            self.record(header, &bytes[size_of::<Header>()..len])?;
            bytes = &bytes[len..];
        }
        Ok(())
    }

    fn record(&mut self, header: Header, body: &[u8]) -> Result<()> {
        let names = |name: usize| body.len() == name.next_multiple_of(8);
        let counters = |count: usize| body.len() == count * size_of::<Counters>();
        let name = header.name_len as usize;
        let fits = match header.kind {
            abi::REC_ENTER => {
                self.depth += 1;
                names(name)
            }
            abi::REC_LEAVE => {
                self.depth = self.depth.checked_sub(1).context("left too often")?;
                let own = raw::counters(body).context("what was left is cut off")?;
                self.handled.push(own.evict_attempted);
                name == 0 && counters(2)
            }
            abi::REC_ENTRY => names(name),
            abi::REC_PROGRESS => name == 0 && counters(1),
            abi::REC_TOTAL => {
                self.end = Some(End {
                    status: header.flags,
                    counters: raw::counters(body).context("the total is cut off")?,
                });
                name == 0 && counters(1)
            }
            _ => false,
        };
        ensure!(fits, "{header:?} with {} bytes is no record", body.len());
        let padding = body.get(name..).unwrap_or_default();
        ensure!(
            name == 0 || padding.iter().all(|byte| *byte == 0),
            "the padding of {header:?} is not zero"
        );
        Ok(())
    }
}

/// Runs one walk from its beginning to its end.
pub fn walk(dir: &std::fs::File, begin: abi::Begin) -> Result<End> {
    use std::os::fd::AsRawFd as _;
    let device = Device::open().context("cannot open the device")?;
    device
        .begin(&abi::Begin {
            size: u32::try_from(size_of::<abi::Begin>())?,
            version: abi::VERSION,
            fd: dir.as_raw_fd(),
            ..begin
        })
        .context("cannot begin")?;
    Stream::default()
        .drain(&device, 1 << 16)?
        .context("cannot read on")
}
