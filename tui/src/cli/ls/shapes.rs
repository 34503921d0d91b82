//! `slabscope ls --shapes`: the names by their shape instead of one by one.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::Serialize;

use crate::base::json::{self, Name};
use crate::base::text::{count, printable_bytes, share};
use crate::cache::census::Listed;
use crate::cache::shapes::{Settled, Shape};
use crate::cli::Failure;
use crate::cli::table::{Align, Table};

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    path: Name<'a>,
    complete: bool,
    /// Names came or went meanwhile, so that part was read anew.
    changed_meanwhile: bool,
    names: u64,
    /// Names that share no shape with another.
    other_shapes: u64,
    /// Too many shapes to keep: rare ones may be among the others.
    crowded: bool,
    shapes: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    shape: String,
    count: u64,
    #[serde(flatten)]
    example: Name<'a>,
}

/// Prints the most frequent `limit` shapes of the names in `path`.
pub(super) fn tell<'a>(
    path: &Path,
    settled: &'a Settled,
    listed: Listed,
    limit: usize,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let shapes = settled.shapes.iter().take(limit);
    if as_json {
        let row = |shape: &'a Shape| Row {
            shape: shape.to_string(),
            count: shape.count,
            example: Name::keyed("example", OsStr::from_bytes(&shape.example)),
        };
        let document = Document {
            path: Name::keyed("path", path),
            complete: listed.complete,
            changed_meanwhile: listed.changed,
            names: settled.names(),
            other_shapes: settled.other,
            crowded: settled.crowded,
            shapes: shapes.map(row).collect(),
        };
        return Ok(json::write(out, "slabscope.shapes/1", &document)?);
    }
    let mut table = Table::new(&[
        ("COUNT", Align::Right),
        ("SHARE", Align::Right),
        ("SHAPE", Align::Left),
        ("EXAMPLE", Align::Left),
    ]);
    let cells = |n: u64, shape: String, example: String| {
        [count(n), share(n, settled.names()), shape, example]
    };
    for shape in shapes {
        let example = printable_bytes(&shape.example);
        table.row(cells(shape.count, shape.to_string(), example));
    }
    let left: u64 = settled
        .shapes
        .iter()
        .skip(limit)
        .map(|shape| shape.count)
        .sum();
    let other = settled.other + left;
    if other > 0 {
        table.row(cells(other, "other shapes".into(), String::new()));
    }
    table.write(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::shapes::Shapes;

    fn told(limit: usize, as_json: bool) -> String {
        let mut shapes = Shapes::default();
        for name in [
            &b"core.1"[..],
            b"core.2",
            b"\xff1",
            b"\xff2",
            b"\xff3",
            b"x",
        ] {
            shapes.add(name);
        }
        let mut out = Vec::new();
        let settled = shapes.settle();
        let listed = Listed {
            complete: true,
            changed: true,
        };
        tell(Path::new("/a"), &settled, listed, limit, as_json, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn table_is_printed() {
        let expected = "\
COUNT  SHARE SHAPE         EXAMPLE
    3 50.0 % \\xff<number>  \\xff1
    2 33.3 % core.<number> core.1
    1 16.7 % other shapes
";
        assert_eq!(told(9, false), expected);
        assert!(told(1, false).contains("    3 50.0 % other shapes"));
    }

    #[test]
    fn document_is_complete() {
        assert_eq!(
            told(9, true),
            "{\"schema\":\"slabscope.shapes/1\",\"path\":\"/a\",\"complete\":true,\"changed_meanwhile\":true,\"names\":6,\
             \"other_shapes\":1,\"crowded\":false,\"shapes\":[\
             {\"shape\":\"\\\\xff<number>\",\"count\":3,\"example\":\"\\\\xff1\",\"example_base64\":\"/zE=\"},\
             {\"shape\":\"core.<number>\",\"count\":2,\"example\":\"core.1\"}]}\n"
        );
    }
}
