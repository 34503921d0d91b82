//! A report as one page of HTML, which needs nothing else: no script, no font, no network.

use std::io::Write;

use super::chart::{Chart, escaped};
use super::{MOST_EVENTS, Report};
use crate::base::moment;
use crate::base::text::{bytes, count, counted, duration, known, printable, signed_bytes};
use crate::cache::difference::{CacheChange, change};
use crate::cache::recording::{Figure, Reader};
use crate::cli::Failure;
use crate::cli::figures::{FIGURES, cache_name, signed};

const STYLE: &str = "
:root{color-scheme:light dark;--c0:#0b62a8;--c1:#b33c00;--c2:#2a7a2a;--c3:#7a3fa0;--c4:#8a6d00;--c5:#006f7a;--dim:#8884}
@media(prefers-color-scheme:dark){:root{--c0:#6db6f2;--c1:#ff9d6b;--c2:#7fd07f;--c3:#c9a0ea;--c4:#e0c35a;--c5:#69d0db}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .7rem;border-bottom:1px solid var(--dim);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
@media(max-width:40rem){text{font-size:22px!important}td:first-child{white-space:normal;overflow-wrap:anywhere}}
figure{margin:1.5rem 0}figcaption{font-weight:600}svg{width:100%;height:auto;overflow:visible}
text{font-size:12px;fill:currentColor}.grid{stroke:var(--dim)}.mark{stroke:currentColor;stroke-dasharray:1 3}
.line{fill:none;stroke-width:2}.l0{stroke:var(--c0)}.l1{stroke:var(--c1)}.l2{stroke:var(--c2)}.l3{stroke:var(--c3)}.l4{stroke:var(--c4)}.l5{stroke:var(--c5)}
.legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem}.legend svg{width:40px;height:8px;margin-right:.4rem}
";

/// Caches that the chart of caches shows.
const LINES: usize = 5;

impl Report {
    /// As a page of HTML.
    pub(super) fn html(
        &self,
        reader: &Reader,
        out: &mut dyn Write,
        limit: usize,
    ) -> Result<(), Failure> {
        let host = escaped(&known(self.host.as_deref(), printable));
        let kernel = escaped(&known(self.kernel.as_deref(), printable));
        let [first, last] = [self.first.at, self.last.at].map(moment::text);
        writeln!(
            out,
            "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n\
             <meta name=viewport content=\"width=device-width,initial-scale=1\">\n\
             <meta http-equiv=Content-Security-Policy content=\"default-src 'none';style-src 'unsafe-inline'\">\n\
             <title>Slab caches of {host}</title><style>{STYLE}</style></head><body>\n\
             <h1>Slab caches of {host}</h1>\n<p>{first} to {last}, {}. Linux {kernel}.</p>",
            duration(self.took())
        )?;
        self.charts(reader, out)?;
        let heads = ["", "at the begin", "at the end", "change"];
        let rows = FIGURES
            .iter()
            .map(|figure| figure.cells(&self.first.sample, &self.last.sample));
        table(out, "The machine", &heads, rows.map(Vec::from))?;
        if let Some((since, slope)) = self.slope {
            let hour = signed_bytes((slope * 3_600.0) as i64);
            let since = duration(moment::between(since, self.last.at));
            writeln!(
                out,
                "<p>SUnreclaim changed by {hour} an hour over the last {since}.</p>"
            )?;
        }
        self.tables(out, limit)?;
        self.happenings(out)?;
        Ok(writeln!(out, "</body></html>")?)
    }

    fn charts(&self, reader: &Reader, out: &mut dyn Write) -> Result<(), Failure> {
        let between @ (from, to) = (self.first.at, self.last.at);
        let marks: Vec<_> = self
            .events
            .iter()
            .map(|event| event.at)
            .take(MOST_EVENTS)
            .collect();
        let machine = |figure, name: &str| {
            Ok::<_, Failure>((name.to_owned(), reader.machine(figure, from, to)?))
        };
        let chart = |title, lines, text| Chart {
            title,
            lines,
            between,
            marks: marks.clone(),
            text,
        };
        let slab = vec![
            machine(Figure::Sreclaimable, "SReclaimable")?,
            machine(Figure::Sunreclaim, "SUnreclaim")?,
        ];
        let dentries = vec![
            machine(Figure::Dentries, "all dentries")?,
            machine(Figure::Negative, "negative dentries on the LRU")?,
        ];
        let mut most: Vec<&CacheChange> = self.changes.iter().flatten().collect();
        most.sort_by_key(|change| std::cmp::Reverse(change.bytes().unsigned_abs()));
        let mut caches = Vec::new();
        for change in most.into_iter().take(LINES) {
            caches.push((cache_name(change), reader.cache(&change.id, from, to)?));
        }
        for chart in [
            chart("Slab", slab, bytes),
            chart("Dentries", dentries, count),
            chart("Slab caches that changed most", caches, bytes),
        ] {
            out.write_all(chart.html().as_bytes())?;
        }
        Ok(())
    }

    fn tables(&self, out: &mut dyn Write, limit: usize) -> std::io::Result<()> {
        let heads = ["cache", "at the begin", "at the end", "change", "objects"];
        let row = |change: &CacheChange| {
            vec![
                cache_name(change),
                known(change.before, bytes),
                known(change.after, bytes),
                signed_bytes(change.bytes()),
                known(change.objects, signed),
            ]
        };
        match &self.changes {
            None => writeln!(
                out,
                "<p>The caches are not known: only root may read /proc/slabinfo.</p>"
            )?,
            Some(changes) => {
                let grew = changes
                    .iter()
                    .filter(|change| change.bytes() > 0)
                    .take(limit);
                table(out, "Slab caches that grew most", &heads, grew.map(row))?;
                let shrank = changes
                    .iter()
                    .rev()
                    .filter(|change| change.bytes() < 0)
                    .take(limit);
                table(out, "Slab caches that shrank most", &heads, shrank.map(row))?;
            }
        }
        let heads = [
            "cgroup",
            "slab at the begin",
            "at the end",
            "change",
            "uses",
            "of its limit",
        ];
        let cgroups = self.cgroups.iter().take(limit).map(|cgroup| {
            vec![
                cgroup.path.clone(),
                bytes(cgroup.first),
                bytes(cgroup.last),
                signed_bytes(change(cgroup.first, cgroup.last)),
                known(cgroup.current, bytes),
                known(cgroup.limit, bytes),
            ]
        });
        table(out, "Cgroups with the most slab", &heads, cgroups)
    }

    fn happenings(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "<h2>What happened</h2>\n<ul>")?;
        for event in self.events.iter().take(MOST_EVENTS) {
            let [kind, text] = [&event.kind, &event.text].map(|text| escaped(&printable(text)));
            writeln!(out, "<li>{}: {kind}: {text}</li>", moment::text(event.at))?;
        }
        let more = self.events.len().saturating_sub(MOST_EVENTS);
        if more > 0 {
            writeln!(out, "<li>{} more</li>", counted(more as u64, "event"))?;
        }
        writeln!(out, "</ul>")
    }
}

/// A table with its heading; none without a row.
fn table(
    out: &mut dyn Write,
    heading: &str,
    heads: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> std::io::Result<()> {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    let cells = |tag: &str, cells: &[String]| {
        let cells = cells
            .iter()
            .map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
        cells.collect::<String>()
    };
    let heads: Vec<_> = heads.iter().map(ToString::to_string).collect();
    writeln!(
        out,
        "<h2>{heading}</h2>\n<div class=wide><table><tr>{}</tr>",
        cells("th", &heads)
    )?;
    for row in rows {
        writeln!(out, "<tr>{}</tr>", cells("td", &row))?;
    }
    writeln!(out, "</table></div>")
}
