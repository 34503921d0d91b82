//! The who screen, and the boxes that go with it.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};

use super::asked::{Asked, Prompt, Words};
use super::directory::row_line;
use super::{cut, first_row, popup, rule, tail, trouble};
use crate::base::text::{
    bytes, count, count_in, counted, duration, percent, printable, share, short, short_signed,
};
use crate::cache::who::{ROWS, Row, Spec};
use crate::ui::model::{
    ConfirmWho, Course, Model, Opened, PAST, WATCH_LIMIT, WatchState, Watching,
};

/// Width from which there is room for the small chart, and for the group.
const WIDE: u16 = 100;
/// Width from which there is room for the command line, too.
const WIDEST: u16 = 150;

/// ```text
///  1,001,000 created   34 s of 5 min   dentries below /mnt/ext4
///  12.3k events/s, read in 2 ms   fprobe events on d_splice_alias, d_add
///  ── 2 rows by number created ▼ ──────────────────────────────────────────────────
///     CREATED  SHARE  RATE/S  NEG % PROCESS             DIRECTORY
///   1,000,000 99.9 %   12.3k  100 % agent[1234]         /mnt/ext4/1/2/3
///  agent[1234]  app.service  /usr/bin/agent lookups 1/2/3
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let [summary, means, title, list, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(2),
    ])
    .areas(area);
    let Some(watching) = &model.who.watching else {
        return;
    };
    frame.render_widget(head(model, watching), summary);
    if let Some(error) = &watching.error {
        let lines = error.lines().map(|line| Line::raw(printable(line)));
        trouble(model.look, lines.collect(), frame, list);
        return;
    }
    frame.render_widget(how(model, watching, means.width), means);
    let order = model.who.order.words(is_cache(watching));
    let [down, _] = model.look.glyphs.order;
    let text = format!(
        " {} by {order} {down} ",
        counted(model.who.rows.len() as u64, "row")
    );
    let mut spans = vec![Span::styled(text, model.look.strong())];
    if !model.who.filter.is_none() {
        let words = format!(
            "of {}, filter: {} ",
            watching.reading.rows.len(),
            printable(model.who.filter.text())
        );
        spans.push(Span::styled(words, model.look.warn()));
    }
    rule(model.look, Line::from(spans), frame, title);
    rows(model, watching, frame, list);
    frame.render_widget(selected(model, foot.width), foot);
    if let Some(opened) = &model.who.opened {
        files(model, opened, frame, area);
    }
}

fn is_cache(watching: &Watching) -> bool {
    matches!(watching.spec, Spec::Cache(_))
}

/// The subject, the number made, and the remaining time.
fn head(model: &Model, watching: &Watching) -> Line<'static> {
    let look = model.look;
    let lasted = duration(watching.lasted());
    let state = match watching.state {
        WatchState::Arming => "arming".into(),
        WatchState::Running => format!("{lasted} of {}", duration(WATCH_LIMIT)),
        WatchState::Stopping => "stopping".into(),
        WatchState::Ended => format!("ended after {lasted}, tracing off"),
    };
    let made = format!("{} created", count(watching.reading.made));
    Line::from(vec![
        Span::styled(format!(" {made}"), look.strong()),
        Span::styled(format!("   {state}"), look.accent()),
        Span::raw(format!("   {}", watching.spec.words())),
    ])
}

/// Cost of the trace, what is missing, and the tracing method. What is missing is first.
fn how(model: &Model, watching: &Watching, width: u16) -> Line<'static> {
    let look = model.look;
    let reading = &watching.reading;
    let mut spans = vec![Span::raw(" ")];
    if reading.dropped > 0 {
        let words = format!(
            "{} not counted: no room   ",
            counted(reading.dropped, "event")
        );
        spans.push(Span::styled(words, look.warn()));
    }
    for (figure, words) in [
        (reading.unknown, "where unknown"),
        (reading.elsewhere, "elsewhere"),
        (reading.own, "own"),
    ] {
        if figure > 0 {
            spans.push(Span::raw(format!("{} {words}   ", count(figure))));
        }
    }
    spans.push(Span::raw(format!(
        "{} events/s, read in {} ms",
        short(watching.rate),
        watching.took.as_millis()
    )));
    let used: usize = spans.iter().map(Span::width).sum();
    let room = usize::from(width).saturating_sub(used + 4);
    spans.push(Span::styled(
        format!("   {}", cut(&printable(&watching.means), room)),
        look.dim(),
    ));
    Line::from(spans)
}

fn rows(model: &Model, watching: &Watching, frame: &mut Frame<'_>, area: Rect) {
    let page = &model.who;
    let cache = is_cache(watching);
    let mut head = format!(" {:>11} {:>6} {:>7} ", "CREATED", "SHARE", "RATE/S");
    head += &match cache {
        true => format!("{:>11} {:>9} ", "FREED", "BYTES"),
        false => format!("{:>6} ", "NEG %"),
    };
    if area.width >= WIDE {
        head += &format!("{:<PAST$} ", "HISTORY");
    }
    head += &format!("{:<20} ", "PROCESS");
    if area.width >= WIDE {
        head += &format!("{:<22} ", "GROUP");
    }
    head += match (cache, area.width >= WIDEST) {
        (true, _) => "COMMAND",
        (false, true) => "DIRECTORY, COMMAND",
        (false, false) => "DIRECTORY",
    };
    let mut lines = vec![Line::styled(head, model.look.dim())];
    let height = usize::from(area.height.saturating_sub(1));
    let first = first_row(page.at, page.rows.len(), height);
    for at in first..page.rows.len().min(first + height) {
        if let Some(row) = page.row(at) {
            let text = row_text(model, watching, row, area.width);
            lines.push(row_line(model, text, at == page.at, row.process.gone, area));
        }
    }
    frame.render_widget(Text::from(lines), area);
}

fn row_text(model: &Model, watching: &Watching, row: &Row, width: u16) -> String {
    let course = watching.course(row);
    let rate = course.map_or(0.0, |course| course.rate);
    let told = |figure: Option<u64>| figure.map_or("-".into(), |figure| count_in(figure, 11));
    let mut text = format!(
        " {:>11} {:>6} {:>7} ",
        count_in(row.made, 11),
        share(row.made, watching.reading.made),
        short(rate),
    );
    text += &match is_cache(watching) {
        true => format!(
            "{:>11} {:>9} ",
            told(row.freed),
            row.bytes.map_or("-".into(), bytes)
        ),
        false => {
            let absent = row.absent.and_then(|absent| percent(absent, row.made));
            format!(
                "{:>6} ",
                absent.map_or("-".into(), |absent| format!("{absent} %"))
            )
        }
    };
    if width >= WIDE {
        text += &format!(
            "{:<PAST$} ",
            course.map_or_else(String::new, |course| past(model, course))
        );
    }
    let process = cut(&process(row), 20);
    text += &process;
    text += &" ".repeat(21_usize.saturating_sub(Span::raw(&*process).width()));
    if width >= WIDE {
        let group = printable(row.process.group().unwrap_or_default());
        text += &format!("{:<22} ", cut(&group, 22));
    }
    let room = usize::from(width).saturating_sub(Span::raw(&*text).width());
    let command = printable(&row.process.command);
    if is_cache(watching) {
        return text + &cut(&command, room);
    }
    let place = directory(row);
    if width < WIDEST {
        return text + &tail(&place, room);
    }
    let place = tail(&place, room * 2 / 3);
    let room = room.saturating_sub(Span::raw(&*place).width() + 2);
    format!("{text}{place}  {}", cut(&command, room))
}

/// `agent[1234]`, or of an ended process `agent (gone)`: its number may belong to another one now.
fn process(row: &Row) -> String {
    let process = &row.process;
    let name = printable(&process.name);
    match process.gone {
        true => format!("{name} (gone)"),
        false => format!("{name}[{}]", process.pid),
    }
}

/// The path if it is known; else the name, and the number.
pub(super) fn directory(row: &Row) -> String {
    let Some(directory) = &row.directory else {
        return "-".into();
    };
    match (&directory.path, directory.identity.ino) {
        (Some(path), _) => printable(path),
        (None, Some(ino)) => format!("? {} (inode {ino})", printable(&directory.name)),
        (None, None) => format!("? {}", printable(&directory.name)),
    }
}

/// Objects made between the last readings, on a scale of the row's own.
fn past(model: &Model, course: &Course) -> String {
    let most = course.past.iter().copied().max().unwrap_or(0).max(1);
    let glyphs = model.look.glyphs.spark;
    let glyph = |more: &u64| {
        let at = u128::from(*more) * (glyphs.len() as u128 - 1) / u128::from(most);
        glyphs[at as usize]
    };
    course.past.iter().map(glyph).collect()
}

/// The selected row in full.
fn selected(model: &Model, width: u16) -> Text<'static> {
    let Some(row) = model.who.selected() else {
        return Text::default();
    };
    let process = &row.process;
    let mut words = vec![self::process(row)];
    words.extend(process.group().map(printable));
    words.push(printable(&process.command));
    let width = usize::from(width).saturating_sub(1);
    let first = cut(&words.join("   "), width);
    let second = match &row.directory {
        Some(_) => tail(&directory(row), width),
        None => cut(&printable(&process.cgroup), width),
    };
    Text::from(vec![
        Line::raw(format!(" {first}")),
        Line::raw(format!(" {second}")),
    ])
    .style(model.look.dim())
}

/// The open files of a process, over the rows.
fn files(model: &Model, opened: &Opened, frame: &mut Frame<'_>, area: Rect) {
    let room = usize::from(area.height.saturating_sub(6)).max(1);
    let text = match &opened.lines {
        None => vec![Line::raw("looking in /proc ...")],
        Some(lines) if lines.is_empty() => vec![Line::raw("it has ended")],
        Some(lines) => {
            let first = opened.scroll.min(lines.len().saturating_sub(room));
            let width = usize::from(area.width.min(96)).saturating_sub(6);
            let shown = lines.iter().skip(first).take(room);
            shown.map(|line| Line::raw(cut(line, width))).collect()
        }
    };
    popup(
        model.look,
        &format!("What {} has open", opened.name),
        text,
        frame,
        area,
    );
}

/// The question before anything is armed.
pub(super) fn asked(model: &Model, confirm: &ConfirmWho) -> Asked {
    let look = model.look;
    let (what, each, cache) = match &confirm.spec {
        Spec::Cache(cache) => ("objects", "allocation and free", cache.as_str()),
        _ => ("dentries", "dentry created", "dentry"),
    };
    let mut text = vec![
        Line::raw(format!(
            "The kernel's tracing (tracefs) counts which processes create {}.",
            confirm.spec.words()
        )),
        Line::raw(""),
        Line::raw(format!("Cost     one event per {each}, system-wide")),
    ];
    if matches!(confirm.spec, Spec::Below(_)) {
        text.push(Line::raw(
            "         (events elsewhere are filtered in the kernel, which costs less)",
        ));
    }
    if let Some(growth) = growth(model, cache) {
        text.push(Line::raw(format!(
            "         now {what} change by {growth}/s; the gross rate is higher"
        )));
    }
    text.extend([
        Line::raw(format!(
            "Limit    {} rows per event, and {}: then it stops by itself",
            count(ROWS.into()),
            duration(WATCH_LIMIT)
        )),
        Line::raw("Cleanup  probes are removed on exit, or at the next start"),
    ]);
    if let Some(other) = model
        .who
        .watching
        .as_ref()
        .filter(|watching| watching.is_on())
    {
        let words = format!(
            "         it replaces the running trace of {}",
            other.spec.words()
        );
        text.push(Line::styled(words, look.warn()));
    }
    Asked {
        title: "Allocation trace".into(),
        text,
        prompt: Prompt::Asks(Words {
            go: "type y to trace".into(),
            not: "no trace starts before you type y",
            enter: true,
            leave: "Esc cancels",
            style: Style::new(),
        }),
    }
}

/// The question before the program quits with a trace on.
pub(super) fn leaving(model: &Model) -> Asked {
    let what = match &model.who.watching {
        Some(watching) => watching.spec.words(),
        None => "it has ended".into(),
    };
    Asked {
        title: "Quit".into(),
        text: vec![
            Line::raw(format!("A trace is running: {what}.")),
            Line::raw("Quitting stops it: its counts are lost, its probes are removed."),
        ],
        prompt: Prompt::Asks(Words {
            go: "type y to quit".into(),
            not: "only y quits",
            enter: true,
            leave: "Esc stays",
            style: model.look.warn(),
        }),
    }
}

/// Current growth of a cache in active objects per second.
fn growth(model: &Model, cache: &str) -> Option<String> {
    let latest = model.latest.as_deref()?;
    let caches = latest.sample.caches.as_ref().ok()?;
    let at = caches.iter().position(|of| of.name == cache)?;
    let change = latest.rates.caches.get(at)?.change()?;
    let elapsed = latest.rates.elapsed.as_secs_f64();
    (elapsed > 0.0).then(|| short_signed(change.objects as f64 / elapsed))
}
