// SPDX-License-Identifier: GPL-2.0

//! Records on their way out.

use kernel::prelude::*;

/// Room for the records that `read()` will copy out.
pub(crate) struct Buffer {
    /// The other side writes records of names behind them itself.
    pub(crate) bytes: KVVec<u8>,
    from: usize,
}

impl Buffer {
    /// Allocates `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            bytes: KVVec::with_capacity(capacity, GFP_KERNEL_ACCOUNT)?,
            from: 0,
        })
    }

    /// Whether everything was copied out.
    pub(crate) fn is_empty(&self) -> bool {
        self.from == self.bytes.len()
    }

    /// How many bytes can be pushed.
    pub(crate) fn room(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// What is yet to be copied out.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.from = 0;
    }

    /// Takes note that `len` bytes of [`rest`](Self::rest) were copied out.
    pub(crate) fn consume(&mut self, len: usize) {
        self.from = (self.from + len).min(self.bytes.len());
        if self.is_empty() {
            self.clear();
        }
    }

    /// Appends the bytes of a value without padding.
    pub(crate) fn push<T: kernel::transmute::AsBytes>(&mut self, value: &T) -> Result {
        self.push_bytes(value.as_bytes())
    }

    /// Appends bytes.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) -> Result {
        if bytes.len() > self.room() {
            return Err(ENOSPC);
        }
        Ok(self.bytes.extend_from_slice(bytes, GFP_KERNEL)?)
    }
}
