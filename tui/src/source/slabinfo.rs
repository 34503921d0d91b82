//! /proc/slabinfo, version 2.0 and 2.1.

use std::borrow::Cow;

use super::{Class, Malformed};

/// One slab cache (mm/slab_common.c: `cache_show()`, Linux 7.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// Its name, as the kernel has it; bytes that are no UTF-8 are replaced.
    pub name: String,
    /// The very bytes of a name that is no UTF-8.
    pub raw_name: Option<Box<[u8]>>,
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

/// A heading that names the version, then a cache a line; lines that start with `#` are headings
/// too. 2.0 and 2.1 differ in the order of two tunables, which are not read.
pub fn parse(bytes: &[u8]) -> Result<Vec<Cache>, Malformed> {
    let mut lines = bytes.split(|&byte| byte == b'\n').zip(1..);
    let version = lines
        .next()
        .and_then(|(line, _)| line.strip_prefix(b"slabinfo - version: "));
    if !version.is_some_and(|version| version.starts_with(b"2.")) {
        return Err(Malformed::new(1, "not a slabinfo of version 2.0 or 2.1"));
    }
    let mut caches = Vec::with_capacity(256);
    let mut last = 1;
    for (line, number) in lines {
        if line.is_empty() {
            continue;
        }
        last = number;
        if !line.starts_with(b"#") {
            caches.push(cache(line).map_err(|what| Malformed::new(number, what))?);
        }
    }
    if caches.is_empty() {
        return Err(Malformed::new(last, "it ends without a cache"));
    }
    Ok(caches)
}

/// One line. Of a name that is no UTF-8 the very bytes are kept beside it.
fn cache(line: &[u8]) -> Result<Cache, String> {
    // Much faster than the lossy way, which is hardly ever needed.
    let text = str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
    let mut cache = figures(&text)?;
    if let Cow::Owned(text) = &text {
        let rest = &text[cache.name.len()..];
        if !rest.is_ascii() {
            return Err("something behind the name is no ASCII".into());
        }
        cache.raw_name = Some(line[..line.len() - rest.len()].into());
    }
    Ok(cache)
}

/// A name may hold spaces, so a line is read from its `: tunables` backwards. The old SLAB adds
/// `: globalstat` and `: cpustat` behind (mm/slab.c: `slabinfo_show_stats()`, Linux 6.7).
fn figures(line: &str) -> Result<Cache, String> {
    let (front, slabdata) = section(line, " slabdata").ok_or("`: slabdata` is missing")?;
    let (front, _) = section(front, " tunables").ok_or("`: tunables` is missing")?;
    let mut name = front.trim_end_matches(' ');
    let mut figures = [0; 5];
    let fields = [
        "active_objs",
        "num_objs",
        "objsize",
        "objperslab",
        "pagesperslab",
    ];
    for (figure, field) in figures.iter_mut().zip(fields).rev() {
        let at = name.rfind(' ').ok_or_else(|| missing(field))?;
        *figure = number(&name[at + 1..], field)?;
        name = name[..at].trim_end_matches(' ');
    }
    if name.is_empty() {
        return Err("the name is missing".into());
    }
    let mut slabdata = slabdata.split_ascii_whitespace();
    let mut next = |field| number(slabdata.next().ok_or_else(|| missing(field))?, field);
    let [
        active,
        objects,
        object_size,
        objects_per_slab,
        pages_per_slab,
    ] = figures;
    Ok(Cache {
        name: name.into(),
        raw_name: None,
        active,
        objects,
        object_size,
        objects_per_slab,
        pages_per_slab,
        active_slabs: next("active_slabs")?,
        slabs: next("num_slabs")?,
        class: Class::Unknown,
    })
}

/// What stands before and behind the last ` :` that `word` follows.
fn section<'a>(line: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let mut end = line.len();
    loop {
        let at = line[..end].rfind(':')?;
        let behind = line[at + 1..].strip_prefix(word);
        match (line[..at].strip_suffix(' '), behind) {
            (Some(before), Some(behind)) => return Some((before, behind)),
            _ => end = at,
        }
    }
}

fn missing(field: &str) -> String {
    format!("{field} is missing")
}

fn number(text: &str, field: &str) -> Result<u64, String> {
    super::number(text).ok_or_else(|| format!("{field} is no count: {}", super::excerpt(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "slabinfo - version: 2.1\n# name            <active_objs> <num_objs>\n";

    fn parse_line(line: &str) -> Result<Vec<Cache>, Malformed> {
        parse(format!("{HEADING}{line}").as_bytes())
    }

    #[test]
    fn a_line() {
        let line = "dentry            267960 268569    192   21    1 : tunables    0    0    0 : slabdata  12780  12789      0\n";
        let cache = &parse_line(line).unwrap()[0];
        assert_eq!(
            *cache,
            Cache {
                name: "dentry".into(),
                raw_name: None,
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
            ":0000192",
            "a : tunables b",
            "dentry(12:web.service)",
            "\u{1b}[31mred",
            "1 2 3",
        ] {
            let line = format!("{name} 1 2 3 4 5 : tunables 0 0 0 : slabdata 6 7 0");
            assert_eq!(parse_line(&line).unwrap()[0].name, name);
        }
    }

    #[test]
    fn the_old_slab() {
        let statistics = "slabinfo - version: 2.1 (statistics)\n# name\ndentry 1 2 3 4 5 : tunables 120 60 8 : slabdata 6 7 0 : globalstat 1 2 3 4 5 6 7 8 9 : cpustat 1 2 3 4\n";
        let version_2_0 = "slabinfo - version: 2.0\n# name            <active_objs> <num_objs>\ndentry 1 2 3 4 5 : tunables   60  120    8 : slabdata      6      7      0\n";
        for text in [statistics, version_2_0] {
            let cache = &parse(text.as_bytes()).unwrap()[0];
            assert_eq!((cache.active, cache.active_slabs, cache.slabs), (1, 6, 7));
        }
    }

    #[test]
    fn a_name_that_is_no_text_keeps_its_bytes() {
        let line =
            b"slabinfo - version: 2.1\na\xff\xfe b  1 2 3 4 5 : tunables 0 0 0 : slabdata 6 7 0\n";
        let cache = &parse(line).unwrap()[0];
        assert_eq!(cache.name, "a\u{fffd}\u{fffd} b");
        assert_eq!(cache.raw_name.as_deref(), Some(&b"a\xff\xfe b"[..]));
        let line = b"slabinfo - version: 2.1\na 1 2 3 4 5 : tunables \xff : slabdata 6 7 0\n";
        let error = parse(line).unwrap_err().to_string();
        assert_eq!(error, "line 2: something behind the name is no ASCII");
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
            ("dentry 1 2 3 4", "line 3: `: slabdata` is missing"),
            (
                "dentry 1 2 3 4 5: tunables 0 0 0 : slabdata 6 7 0",
                "line 3: `: tunables` is missing",
            ),
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
                "line 3: num_objs is no count: -2",
            ),
            (
                "dentry 1 2 3 x 5 : tunables : slabdata 6 7",
                "line 3: objperslab is no count: x",
            ),
            (
                "1 2 3 4 5 : tunables : slabdata 6 7",
                "line 3: active_objs is missing",
            ),
            (
                " 1 2 3 4 5 : tunables : slabdata 6 7",
                "line 3: the name is missing",
            ),
            (
                "dentry 1 +2 3 4 5 : tunables : slabdata 6 7",
                "line 3: num_objs is no count: +2",
            ),
            (
                "dentry 18446744073709551616 2 3 4 5 : tunables : slabdata 6 7",
                "line 3: active_objs is no count: 18446744073709551616",
            ),
            (
                "dentry 1 2 3 4 5 : tunables : slabdata 6 \u{1b}[2J",
                "line 3: num_slabs is no count: \\u{1b}[2J",
            ),
            ("", "line 2: it ends without a cache"),
        ] {
            assert_eq!(parse_line(line).unwrap_err().to_string(), what, "{line:?}");
        }
        let overlong = format!("x {} 3 4 5 : tunables : slabdata 6 7", "9".repeat(1 << 20));
        assert!(parse_line(&overlong).unwrap_err().to_string().len() < 120);
        for text in [
            "",
            "\n",
            "slabinfo - version: 3.0\n",
            "slabinfo - version: 1.1\n",
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().line, 1);
        }
    }
}
