//! /proc/slabinfo, version 2.0 and 2.1.

use std::borrow::Cow;

use std::collections::HashMap;

use super::lines::{Parsed, Skipped, lines};
use super::{Class, Malformed, below_zero};

/// One slab cache (mm/slab_common.c: `cache_show()`, Linux 7.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// Its name, as the kernel has it; bytes that are no UTF-8 are replaced.
    pub name: String,
    /// The very bytes of a name that is no UTF-8.
    pub raw_name: Option<Box<[u8]>>,
    /// How many caches of the same name follow it. The kernel puts new ones in front
    /// (mm/slab_common.c: `kmem_cache_create()`, Linux 7.3), so the figure stays when others come.
    pub nth: u32,
    /// How many others have the same name.
    pub twins: u32,
    /// Objects allocated from it. None: the kernel printed more than there is room for. It computes
    /// the figure from counters that it reads one after the other, and that may run below zero
    /// (mm/slub.c: `get_slabinfo()`, Linux 7.3).
    pub active: Option<u64>,
    /// Objects that its slabs have room for.
    pub objects: u64,
    /// Bytes of an object.
    pub object_size: u64,
    /// Objects in a slab.
    pub objects_per_slab: u64,
    /// Pages in a slab.
    pub pages_per_slab: u64,
    /// Slabs with an object allocated; None as [`Self::active`].
    pub active_slabs: Option<u64>,
    /// Slabs.
    pub slabs: u64,
    /// Class of its pages, from sysfs.
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
    pub fn idle(&self, page_size: u64) -> Option<u64> {
        let objects = self.active?.saturating_mul(self.object_size);
        Some(self.size(page_size).saturating_sub(objects))
    }

    /// Part of its objects that is allocated, in percent: never more than 100.
    pub fn used(&self) -> Option<u64> {
        crate::base::text::percent(self.active?, self.objects)
    }

    /// Identifies it among all caches.
    pub fn id(&self) -> CacheId {
        CacheId {
            name: self.name.clone(),
            nth: self.nth,
        }
    }

    /// Whether it is that cache.
    pub fn is(&self, id: &CacheId) -> bool {
        self.nth == id.nth && self.name == id.name
    }
}

/// A cache by its name, and where several have that, by how many of them follow it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CacheId {
    /// Its name.
    pub name: String,
    /// [`Cache::nth`].
    pub nth: u32,
}

impl From<&str> for CacheId {
    fn from(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            nth: 0,
        }
    }
}

/// A heading that names the version, then a cache a line; lines that start with `#` are headings
/// too. 2.0 and 2.1 differ in the order of two tunables, which are not read. The heading may be
/// missing: people save what they searched for.
pub fn parse(bytes: &[u8]) -> Result<Parsed<Vec<Cache>>, Malformed> {
    let mut caches = Vec::with_capacity(256);
    let mut skipped = Skipped::default();
    let mut last = None;
    for (number, line) in lines(bytes) {
        if let Some(version) = line.strip_prefix(b"slabinfo - version: ") {
            if !version.starts_with(b"2.") {
                return Err(Malformed::new(
                    number,
                    "not a slabinfo of version 2.0 or 2.1",
                ));
            }
            last = Some(number);
        } else if line.starts_with(b"#") {
            last = last.map(|_| number);
        } else {
            match cache(line) {
                Ok(cache) => caches.push(cache),
                Err(what) => skipped.add(Malformed::new(number, what)),
            }
        }
    }
    number_twins(&mut caches);
    let none = || match last {
        Some(number) => Malformed::new(number, "it ends without a cache"),
        None => Malformed::new(1, "not a slabinfo of version 2.0 or 2.1"),
    };
    skipped.with((!caches.is_empty()).then_some(caches), none)
}

/// Numbers the caches of one name.
fn number_twins(caches: &mut [Cache]) {
    let mut seen: HashMap<&str, u32> = HashMap::with_capacity(caches.len());
    let mut numbers = Vec::new();
    for (index, cache) in caches.iter().enumerate().rev() {
        let nth = seen.entry(&cache.name).or_default();
        if *nth > 0 {
            numbers.push((index, *nth));
        }
        *nth += 1;
    }
    if numbers.is_empty() {
        return;
    }
    let twins = caches.iter().map(|cache| seen[cache.name.as_str()] - 1);
    let twins: Vec<u32> = twins.collect();
    for (cache, twins) in caches.iter_mut().zip(twins) {
        cache.twins = twins;
    }
    for (index, nth) in numbers {
        caches[index].nth = nth;
    }
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
    let mut slabdata = slabdata.split_ascii_whitespace();
    let mut next = |field| number(slabdata.next().ok_or_else(|| missing(field))?, field);
    let (active_slabs, slabs) = (next("active_slabs")?, next("num_slabs")?);
    // A line that is cut off in the figure before it would pass for a whole one.
    next("sharedavail")?;
    let [
        active,
        objects,
        object_size,
        objects_per_slab,
        pages_per_slab,
    ] = figures;
    for (figure, field) in [(objects, "num_objs"), (slabs, "num_slabs")] {
        if below_zero(figure) {
            return Err(format!("{field} ran below zero: {figure}"));
        }
    }
    Ok(Cache {
        name: name.into(),
        raw_name: None,
        nth: 0,
        twins: 0,
        active: (active <= objects).then_some(active),
        objects,
        object_size,
        objects_per_slab,
        pages_per_slab,
        active_slabs: (active_slabs <= slabs).then_some(active_slabs),
        slabs,
        class: Class::Unknown,
    })
}

/// The text before and behind the last ` :` that `word` follows.
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

    fn parse(bytes: &[u8]) -> Result<Vec<Cache>, Malformed> {
        Ok(super::parse(bytes)?.value)
    }

    fn parse_line(line: &str) -> Result<Vec<Cache>, Malformed> {
        parse(format!("{HEADING}{line}").as_bytes())
    }

    #[test]
    fn line_is_parsed() {
        let line = "dentry            267960 268569    192   21    1 : tunables    0    0    0 : slabdata  12780  12789      0\n";
        let cache = &parse_line(line).unwrap()[0];
        assert_eq!(
            *cache,
            Cache {
                name: "dentry".into(),
                raw_name: None,
                nth: 0,
                twins: 0,
                active: Some(267_960),
                objects: 268_569,
                object_size: 192,
                objects_per_slab: 21,
                pages_per_slab: 1,
                active_slabs: Some(12_780),
                slabs: 12_789,
                class: Class::Unknown,
            }
        );
        assert_eq!(cache.size(4096), 12_789 * 4096);
        assert_eq!(cache.idle(4096), Some(12_789 * 4096 - 267_960 * 192));
        assert_eq!(cache.used(), Some(99));
    }

    #[test]
    fn names_with_spaces_and_parentheses_are_parsed() {
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
    fn lines_of_the_old_slab_are_parsed() {
        let statistics = "slabinfo - version: 2.1 (statistics)\n# name\ndentry 1 2 3 4 5 : tunables 120 60 8 : slabdata 6 7 0 : globalstat 1 2 3 4 5 6 7 8 9 : cpustat 1 2 3 4\n";
        let version_2_0 = "slabinfo - version: 2.0\n# name            <active_objs> <num_objs>\ndentry 1 2 3 4 5 : tunables   60  120    8 : slabdata      6      7      0\n";
        for text in [statistics, version_2_0] {
            let cache = &parse(text.as_bytes()).unwrap()[0];
            let figures = (cache.active, cache.active_slabs, cache.slabs);
            assert_eq!(figures, (Some(1), Some(6), 7));
        }
    }

    #[test]
    fn name_that_is_no_text_keeps_its_bytes() {
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
    fn greatest_figures_do_not_overflow() {
        let (max, most) = (u64::MAX, i64::MAX);
        let line = format!(
            "x {most} {most} {max} {max} {max} : tunables 0 0 0 : slabdata {most} {most} 0"
        );
        let cache = &parse_line(&line).unwrap()[0];
        assert_eq!(cache.size(4096), max);
        assert_eq!(cache.idle(4096), Some(0));
    }

    #[test]
    fn impossible_figures_are_unknown() {
        let line = |active: u64, objects: u64, active_slabs: u64, slabs: u64| {
            let text = format!(
                "x {active} {objects} 96 42 1 : tunables 0 0 0 : slabdata {active_slabs} {slabs} 0"
            );
            parse_line(&text)
        };
        // A counter below zero: -8.
        for active in [u64::MAX - 7, 1_723] {
            let cache = &line(active, 1_722, 41, 41).unwrap()[0];
            assert_eq!(
                (cache.active, cache.used(), cache.idle(4096)),
                (None, None, None)
            );
            assert_eq!((cache.objects, cache.slabs), (1_722, 41), "the others stay");
        }
        assert_eq!(line(1, 2, 42, 41).unwrap()[0].active_slabs, None);
        let error = line(1, u64::MAX, 0, 0).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("line 3: num_objs ran below zero: {}", u64::MAX)
        );
    }

    #[test]
    fn pasted_text_is_read_as_if_it_were_clean() {
        let clean = "slabinfo - version: 2.1\n# name\ndentry 1 2 192 21 1 : tunables 0 0 0 : slabdata 6 7 0\n";
        let read = super::parse(clean.as_bytes()).unwrap();
        let cut = clean.replace("slabinfo - version: 2.1\n# name\n", "");
        let pasted = [
            clean.replace('\n', "\r\n") + "\r\n\r\n",
            format!("\u{feff}{clean}"),
            clean.replace('\n', "\n\n    "),
            cut,
        ];
        for text in pasted {
            assert_eq!(super::parse(text.as_bytes()).unwrap(), read, "{text:?}");
        }
    }

    #[test]
    fn malformed_line_costs_no_other() {
        let good = "dentry 1 2 192 21 1 : tunables 0 0 0 : slabdata 6 7 0";
        let text = format!(
            "{HEADING}...\n{good}\n\u{0}\u{0}\n{}",
            &good[..good.len() - 2]
        );
        let read = super::parse(text.as_bytes()).unwrap();
        assert_eq!(read.value.len(), 1);
        assert_eq!(read.skipped.lines, 3);
        let first = read.skipped.first.unwrap().to_string();
        assert_eq!(first, "line 3: `: slabdata` is missing");
    }

    #[test]
    fn caches_of_one_name_are_numbered_from_the_last() {
        let line = |name: &str| format!("{name} 1 2 192 21 1 : tunables 0 0 0 : slabdata 6 7 0\n");
        let text: String = ["a", "b", "a", "c", "a"].map(line).concat();
        let caches = parse(text.as_bytes()).unwrap();
        let numbers: Vec<_> = caches
            .iter()
            .map(|cache| (cache.nth, cache.twins))
            .collect();
        assert_eq!(numbers, [(2, 2), (0, 0), (1, 2), (0, 0), (0, 2)]);
    }

    #[test]
    fn malformed_text_is_refused() {
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
                "dentry 1 2 3 4 5 : tunables : slabdata 6 7",
                "line 3: sharedavail is missing",
            ),
            (
                "dentry 1 -2 3 4 5 : tunables : slabdata 6 7 0",
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
                "dentry 1 +2 3 4 5 : tunables : slabdata 6 7 0",
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
            "# name",
            "slabinfo - version: 3.0\n",
            "slabinfo - version: 1.1\n",
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().line, 1);
        }
    }
}
