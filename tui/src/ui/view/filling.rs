//! What fills the slabs: one bar, a part of it for each of the largest caches.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::cut;
use crate::base::text::{counted, percent, percent_text, printable};
use crate::kernel::source::Class;
use crate::ui::model::{Model, Shown};

/// Columns of the narrowest bar.
pub(super) const LEAST: u16 = 60;

/// Columns of the narrowest part: smaller caches share the last one.
const PART: usize = 8;

/// ```text
///  dentry 76% ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│ext4_inode_cache 13%│+185 caches 11% ▒▒▒▒▒│
/// ```
pub(super) fn line(model: &Model, shown: &Shown, width: usize) -> Line<'static> {
    let caches = shown.sample.caches.as_deref().unwrap_or_default();
    // In pages, which are known where their size is not.
    let mut sizes: Vec<_> = caches.iter().map(|cache| (cache.size(1), cache)).collect();
    sizes.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.name.cmp(&other.name)));
    let all = sizes
        .iter()
        .fold(0, |sum: u64, (size, _)| sum.saturating_add(*size));
    let room = width.saturating_sub(2);
    let columns = |size: u64| {
        let part = u128::from(size) * room as u128 / u128::from(all.max(1));
        usize::try_from(part).unwrap_or(room).min(room)
    };
    let (mut spans, mut left, mut rest) = (vec![Span::raw(" ")], room, all);
    let share = |size| percent(size, all).map_or(String::new(), percent_text);
    let mut parts = 0;
    for (size, cache) in &sizes {
        // The rest has a part, too.
        let columns = columns(*size).min(left.saturating_sub(PART));
        if columns < PART {
            break;
        }
        let text = format!("{} {} ", printable(&cache.name), share(*size));
        let style = match cache.class {
            Class::Reclaimable => model.look.accent(),
            Class::Unreclaimable => model.look.warn(),
            _ => Style::new(),
        };
        spans.push(part(model, &text, columns, style));
        (left, rest, parts) = (left - columns, rest.saturating_sub(*size), parts + 1);
    }
    if all > 0 {
        let others = counted((sizes.len() - parts) as u64, "cache");
        let text = format!("+{others} {} ", share(rest));
        spans.push(part(model, &text, left, Style::new()));
    }
    Line::from(spans)
}

/// A part: its text, and behind that its colour as far as it reaches.
fn part(model: &Model, text: &str, columns: usize, style: Style) -> Span<'static> {
    let look = model.look;
    // Without room for its share it is the name alone.
    let room = columns.saturating_sub(1);
    let name = text
        .trim_end()
        .rsplit_once(' ')
        .map_or(text, |(name, _)| name);
    let text = match Span::raw(text).width() <= room {
        true => text.to_owned(),
        false => cut(name, room),
    };
    let fill = columns.saturating_sub(Span::raw(&text).width() + 1);
    let bar = look.glyphs.shade.repeat(fill);
    Span::styled(format!("{text}{bar}{}", look.glyphs.cursor), style)
}
