//! Known facts about a cache in words, and its attributes in sysfs.

use ratatui::text::{Line, Span};

use crate::base::text::{count, printable};
use crate::cache::notes;
use crate::kernel::source;
use crate::ui::model::{Detail, Model};
use crate::ui::view::cut;

/// Known facts about the cache, in words.
pub(super) fn words(model: &Model, detail: &Detail, width: u16) -> Vec<Line<'static>> {
    const UNKNOWN: [(&str, &str); 2] = [
        (
            "what",
            "No description for this cache: its name may lead to the driver, module or part of the kernel that made it.",
        ),
        (
            "prune",
            "K frees its empty slabs; only its owner knows what holds its objects.",
        ),
    ];
    let texts = match notes::about(&detail.cache.name) {
        Some(about) => vec![
            ("what", about.what),
            ("grows", about.grows),
            ("prune", about.prune),
        ],
        None => UNKNOWN.to_vec(),
    };
    let texts = texts
        .into_iter()
        .map(|(name, text)| (name, text.to_owned()));
    let mut lines = Vec::new();
    let lesson = notes::lesson(&detail.cache.name).map(|lesson| {
        let text = format!("{}: cargo lab learn {}", lesson.title, lesson.number);
        ("try it", text)
    });
    let first = debugging(detail)
        .into_iter()
        .chain(per_cgroup(model, detail));
    let texts = first
        .chain(texts)
        .chain(merged(model, detail))
        .chain(lesson);
    for (name, text) in texts {
        for (number, part) in wrapped(&text, usize::from(width).saturating_sub(9)).enumerate() {
            let name = if number == 0 { name } else { "" };
            let name = Span::styled(format!(" {name:<6} "), model.look.accent());
            lines.push(Line::from(vec![name, Span::raw(part.to_owned())]));
        }
    }
    lines.push(Line::raw(""));
    lines
}

/// Debugging multiplies the size of small objects: that it is on is the first line.
fn debugging(detail: &Detail) -> Option<(&'static str, String)> {
    let attributes = detail.known()?;
    let options = attributes.debugging();
    let cost = attributes.overhead().map_or(String::new(), |bytes| {
        format!(", {} B of each object", count(bytes))
    });
    let text = format!(
        "SLUB debugging is on ({}){cost}. To switch it off, boot with slab_debug=- \
         (before Linux 6.9 slub_debug=-).",
        options.join(", ")
    );
    (!options.is_empty()).then_some(("debug", text))
}

/// A fact about every cache of a kernel before 5.9, and most copies of caches.
fn per_cgroup(model: &Model, detail: &Detail) -> Option<(&'static str, String)> {
    let (major, minor) = source::dentry_state::version(&model.host.kernel)?;
    let text = notes::per_cgroup(&detail.cache.name)?;
    ((major, minor) < (5, 9)).then(|| ("cgroup", text.to_owned()))
}

/// The figures of a merged cache are those of all its names, and it is not visible which of them
/// grows.
fn merged(model: &Model, detail: &Detail) -> Option<(&'static str, String)> {
    let names = &model.shown.as_ref()?.sample.merged;
    let names: Vec<_> = names.others(&detail.cache.name).map(printable).collect();
    let text = format!(
        "All figures are of these together, and any of them may be what grows: {}. \
         The boot option slab_nomerge keeps them apart.",
        names.join(", ")
    );
    (!names.is_empty()).then_some(("merged", text))
}

/// Text in lines of at most `width` bytes, broken between words.
fn wrapped(text: &str, width: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let fits = rest.len() <= width;
        let within = rest.get(..width.saturating_add(1)).unwrap_or(rest);
        let at = match within.rfind(' ') {
            _ if fits => rest.len(),
            Some(at) => at,
            None => rest.find(' ').unwrap_or(rest.len()),
        };
        let (line, tail) = rest.split_at(at);
        rest = tail.trim_start();
        Some(line)
    })
}

/// The files of sysfs with their contents.
pub(super) fn attributes(model: &Model, detail: &Detail) -> Vec<Line<'static>> {
    let look = model.look;
    if detail.cache.nth > 0 {
        let text = " sysfs only shows the oldest cache of this name: this one is newer";
        return vec![Line::styled(text, look.dim())];
    }
    match &detail.attributes {
        None => vec![Line::raw(" reading /sys/kernel/slab ...")],
        Some(Err(error)) => [error.short(), error.remedy().into()]
            .map(|text| Line::styled(format!(" {text}"), look.warn()))
            .to_vec(),
        Some(Ok(attributes)) => attributes
            .iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|((name, words), text)| {
                // In a file, figures of each node follow the sum: they would not fit.
                let value = cut(&printable(text), 16);
                Line::from(vec![
                    Span::raw(format!(" {name:<24} ")),
                    Span::styled(format!("{value:<16} "), look.strong()),
                    Span::styled(cut(words, 37), look.dim()),
                ])
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_fits() {
        for (name, words) in crate::kernel::source::slab_attributes::ATTRIBUTES {
            assert!(name.len() <= 24 && words.len() <= 37, "{name}: {words}");
        }
    }

    #[test]
    fn words_are_wrapped_and_none_is_lost() {
        let text = "a bb ccc dddddddddd e";
        for width in 0..30 {
            let lines: Vec<_> = wrapped(text, width).collect();
            assert_eq!(lines.join(" "), text, "{width}");
            let fits = |line: &&str| line.len() <= width || !line.contains(' ');
            assert!(lines.iter().all(fits), "{width}: {lines:?}");
        }
    }
}
