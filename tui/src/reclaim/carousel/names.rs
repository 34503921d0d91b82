//! Sources of the names: a reader that lists what is cached of a directory, or a file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::cache::negatives::{Names, listing};
use crate::kernel::session::SessionError;
use crate::kernel::target::Target;
use crate::reclaim::{Flow, Progress, ReclaimError};

/// Names, and the number of those that there was no room for.
pub type Listed = (Names, u64);

/// The names of an iterator.
pub fn collect<'a>(from: impl IntoIterator<Item = &'a [u8]>) -> Listed {
    let mut names = Names::new();
    let kept = from.into_iter().map(|name| names.push(name));
    let more = kept.filter(|kept| !kept).count() as u64;
    (names, more)
}

/// The names that a reader lists in a directory, without looking anything up. None: `flow` ended
/// it.
pub fn cached(target: &Target, flow: &mut Flow<'_>) -> Result<Option<Listed>, ReclaimError> {
    let mut stopped = false;
    let mut progress = |so_far: &crate::kernel::session::Counters| {
        let going = flow(&Progress {
            done: so_far.negative,
            of: None,
            unit: "names",
            doing: "listing",
        });
        stopped = going.is_break();
        going
    };
    let listed = listing(target.dir.as_fd(), &mut progress).map_err(|error| match error {
        SessionError::Permission(_) => ReclaimError::Permission(error.to_string()),
        error => ReclaimError::Missing(format!(
            "the names that are cached as absent are not known here: {error}\n--names FILE takes them from a file, one a line"
        )),
    })?;
    let more = listed.not_kept();
    Ok((!stopped).then_some((listed.names, more)))
}

/// The names of a file, one a line; separated by NUL where there is one. `-` is standard input.
pub fn read(path: &Path) -> Result<Listed, ReclaimError> {
    let failed = |error| ReclaimError::file(path, error);
    if path == Path::new("-") {
        return split(stdin().lock()).map_err(failed);
    }
    let file = File::open(path).map_err(failed)?;
    let kind = file.metadata().map_err(failed)?.file_type();
    if !kind.is_file() && !kind.is_fifo() {
        return Err(failed(std::io::Error::other("neither a file nor a pipe")));
    }
    split(BufReader::new(file)).map_err(failed)
}

/// A longer line is no name, and need not be kept.
const LONGEST: u64 = 4096;

fn split(mut from: impl BufRead) -> std::io::Result<Listed> {
    // A pipe yields as little as it likes at a time: where names end in NUL, the first one does.
    let mut head = Vec::new();
    from.by_ref().take(LONGEST).read_until(0, &mut head)?;
    let end = if head.last() == Some(&0) { 0 } else { b'\n' };
    let mut from = head.chain(from);
    let mut names = Names::new();
    let mut more = 0;
    let mut line = Vec::new();
    while from.by_ref().take(LONGEST).read_until(end, &mut line)? > 0 {
        let whole = line.strip_suffix(&[end]);
        let name = whole.unwrap_or(&line);
        if !name.is_empty() && !names.push(name) {
            more += 1;
        }
        if whole.is_none() {
            from.skip_until(end)?;
        }
        line.clear();
    }
    Ok((names, more))
}

/// A flow that never ends.
pub fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8]) -> Vec<Vec<u8>> {
        let (names, more) = split(text).unwrap();
        assert_eq!(more, 0);
        names.iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn names_are_lines_or_end_in_nul() {
        assert_eq!(of(b"a\n\nb c\r\nlast"), [&b"a"[..], b"b c\r", b"last"]);
        assert_eq!(of(b"a\nb\0c\0"), [&b"a\nb"[..], b"c"]);
        assert!(of(b"").is_empty());
    }

    /// Input in pieces is read like input in one piece.
    #[test]
    fn end_of_a_name_is_known_however_little_a_pipe_yields() {
        let one = |byte| std::io::Cursor::new([byte]);
        let pieces = one(b'a').chain(one(b'\n')).chain(one(b'b')).chain(one(0));
        let (names, _) = split(pieces.chain(&b"c\0"[..])).unwrap();
        assert_eq!(names.iter().collect::<Vec<_>>(), [&b"a\nb"[..], b"c"]);
    }

    #[test]
    fn rest_of_a_line_that_is_no_name_is_none_either() {
        let text = [&[b'x'; LONGEST as usize][..], b"rest\nname\n"].concat();
        let names = of(&text);
        assert_eq!(names.len(), 2);
        assert_eq!(names[1], b"name");
    }
}
