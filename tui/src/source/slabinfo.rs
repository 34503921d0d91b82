//! /proc/slabinfo, version 2.0 and 2.1.

use super::{Class, Malformed};

/// One slab cache (mm/slab_common.c: `cache_show()`, Linux 7.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// Its name, as the kernel has it.
    pub name: String,
    /// Objects allocated from it.
    pub active: u64,
    /// Objects that its slabs have room for.
    pub objects: u64,
    /// Bytes of an object.
    pub object_size: u64,
    /// Objects in a slab.
    pub objects_per_slab: u64,
    /// Pages in a slab.
    pub pages_per_slab: u64,
    /// Slabs with an object allocated.
    pub active_slabs: u64,
    /// Slabs.
    pub slabs: u64,
    /// From sysfs.
    pub class: Class,
}

impl Cache {
    /// Bytes of memory that its slabs occupy.
    pub fn size(&self, page_size: u64) -> u64 {
        self.slabs
            .saturating_mul(self.pages_per_slab)
            .saturating_mul(page_size)
    }

    /// Bytes of its slabs that no object occupies.
    pub fn idle(&self, page_size: u64) -> u64 {
        self.size(page_size)
            .saturating_sub(self.active.saturating_mul(self.object_size))
    }
}

/// Two lines of heading, then a cache a line. A name may hold spaces, so a line is read from its
/// `: tunables` backwards.
pub fn parse(text: &str) -> Result<Vec<Cache>, Malformed> {
    let mut lines = text.lines().zip(1..);
    match lines.next() {
        Some((line, _)) if line.starts_with("slabinfo - version: 2.") => {}
        _ => return Err(Malformed::new(1, "not a slabinfo of version 2")),
    }
    let caches: Vec<_> = lines
        .filter(|(line, _)| !line.starts_with('#') && !line.trim().is_empty())
        .map(|(line, number)| cache(line).map_err(|what| Malformed::new(number, what)))
        .collect::<Result<_, _>>()?;
    if caches.is_empty() {
        return Err(Malformed::new(
            text.lines().count(),
            "it ends without a cache",
        ));
    }
    Ok(caches)
}

fn cache(line: &str) -> Result<Cache, String> {
    let (front, back) = line
        .split_once(" : tunables")
        .ok_or("`: tunables` is missing")?;
    let (_, slabdata) = back
        .split_once(": slabdata")
        .ok_or("`: slabdata` is missing")?;
    let mut name = front.trim_end();
    let mut figures = [0; 5];
    let fields = [
        "active_objs",
        "num_objs",
        "objsize",
        "objperslab",
        "pagesperslab",
    ];
    for (figure, field) in figures.iter_mut().zip(fields).rev() {
        let (rest, text) = name.rsplit_once(' ').ok_or(format!("{field} is missing"))?;
        *figure = number(Some(text), field)?;
        name = rest.trim_end();
    }
    if name.is_empty() {
        return Err("the name is missing".into());
    }
    let mut slabdata = slabdata.split_ascii_whitespace();
    let [
        active,
        objects,
        object_size,
        objects_per_slab,
        pages_per_slab,
    ] = figures;
    Ok(Cache {
        name: name.into(),
        active,
        objects,
        object_size,
        objects_per_slab,
        pages_per_slab,
        active_slabs: number(slabdata.next(), "active_slabs")?,
        slabs: number(slabdata.next(), "num_slabs")?,
        class: Class::Unknown,
    })
}

fn number(text: Option<&str>, field: &str) -> Result<u64, String> {
    let text = text.ok_or(format!("{field} is missing"))?;
    text.parse().map_err(|_| format!("{field} is no count"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "slabinfo - version: 2.1\n# name            <active_objs> <num_objs>\n";

    fn parse_line(line: &str) -> Result<Vec<Cache>, Malformed> {
        parse(&format!("{HEADING}{line}"))
    }

    #[test]
    fn a_line() {
        let line = "dentry            267960 268569    192   21    1 : tunables    0    0    0 : slabdata  12780  12789      0\n";
        let cache = &parse_line(line).unwrap()[0];
        assert_eq!(
            *cache,
            Cache {
                name: "dentry".into(),
                active: 267_960,
                objects: 268_569,
                object_size: 192,
                objects_per_slab: 21,
                pages_per_slab: 1,
                active_slabs: 12_780,
                slabs: 12_789,
                class: Class::Unknown,
            }
        );
        assert_eq!(cache.size(4096), 12_789 * 4096);
        assert_eq!(cache.idle(4096), 12_789 * 4096 - 267_960 * 192);
    }

    #[test]
    fn names_with_spaces_and_parentheses() {
        for name in [
            "fat cache (sda1)",
            "dentry(12:web.service)",
            "\u{1b}[31mred",
            "1 2 3",
        ] {
            let line = format!("{name} 1 2 3 4 5 : tunables 0 0 0 : slabdata 6 7 0");
            assert_eq!(parse_line(&line).unwrap()[0].name, name);
        }
    }

    #[test]
    fn the_statistics_form_of_the_old_slab() {
        let line = "dentry 1 2 3 4 5 : tunables 120 60 8 : slabdata 6 7 0 : globalstat 1 2 3 4 : cpustat 1 2 3 4";
        assert_eq!(parse_line(line).unwrap()[0].slabs, 7);
    }

    #[test]
    fn the_greatest_figures_do_not_overflow() {
        let max = u64::MAX;
        let line =
            format!("x {max} {max} {max} {max} {max} : tunables 0 0 0 : slabdata {max} {max} 0");
        let cache = &parse_line(&line).unwrap()[0];
        assert_eq!(cache.size(4096), max);
        assert_eq!(cache.idle(4096), 0);
    }

    #[test]
    fn hostile() {
        for (line, what) in [
            ("dentry 1 2 3 4", "line 3: `: tunables` is missing"),
            (
                "dentry 1 2 3 4 5 : tunables 0 0 0",
                "line 3: `: slabdata` is missing",
            ),
            (
                "dentry 1 2 3 4 5 : tunables : slabdata 6",
                "line 3: num_slabs is missing",
            ),
            (
                "dentry 1 -2 3 4 5 : tunables : slabdata 6 7",
                "line 3: num_objs is no count",
            ),
            (
                "dentry 1 2 3 x 5 : tunables : slabdata 6 7",
                "line 3: objperslab is no count",
            ),
            (
                "1 2 3 4 5 : tunables : slabdata 6 7",
                "line 3: active_objs is missing",
            ),
            (
                " 1 2 3 4 5 : tunables : slabdata 6 7",
                "line 3: the name is missing",
            ),
            ("", "line 2: it ends without a cache"),
        ] {
            assert_eq!(parse_line(line).unwrap_err().to_string(), what, "{line:?}");
        }
        assert!(parse("").is_err());
        assert!(parse("slabinfo - version: 3.0\n").is_err());
    }
}
