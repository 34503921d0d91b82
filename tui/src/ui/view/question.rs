//! The box of a question: its text, which scrolls, and below it the answers, which are always
//! visible.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Clear, Padding, Paragraph, Wrap};

use super::asked::{Asked, Prompt};
use super::{areas, cleared, inside, paragraph_height, too_small};
use crate::ui::model::{Answer, InSight, InputMode, Model};

/// The question on the screen.
fn asked(model: &Model, area: Rect) -> Option<Asked> {
    Some(match &model.mode {
        InputMode::Confirm(confirm) => super::plan::asked(model, confirm, area),
        InputMode::ConfirmRung(confirm) => super::rung::asked(model, confirm, area),
        InputMode::ConfirmWho(confirm) => super::who::asked(model, confirm),
        InputMode::Settings(settings) => super::settings::asked(model, settings, area),
        InputMode::Leave => super::who::leaving(model),
        _ => return None,
    })
}

/// A question with its layout: the part in sight, and its place.
struct Shown {
    asked: Asked,
    sight: InSight,
    area: Rect,
}

impl Shown {
    fn new(model: &Model, area: Rect) -> Option<Self> {
        let mut asked = asked(model, area)?;
        let width = inside(area);
        let lines = |text: &[Line<'static>]| {
            let paragraph = Paragraph::new(text.to_vec()).wrap(Wrap { trim: false });
            paragraph_height(&paragraph, width)
        };
        // Borders, the line of the answers, and one between.
        let room = usize::from(area.height.saturating_sub(4));
        let mut of = lines(&asked.text);
        if of > room {
            asked.text.retain(|line| line.width() > 0);
            of = lines(&asked.text);
        }
        let first = model.asking.first.min(of.saturating_sub(room));
        let end = of.min(first + room);
        let height = u16::try_from(end - first + 4).unwrap_or(area.height);
        let box_width = (width + 4).min(area.width);
        let area = Rect {
            x: area.x + (area.width - box_width) / 2,
            y: area.y + area.height.saturating_sub(height) / 2,
            width: box_width,
            height: height.min(area.height),
        };
        let sight = InSight {
            first,
            end,
            of,
            width,
        };
        // Without a line of its text nothing is in sight.
        (room > 0).then_some(Self { asked, sight, area })
    }
}

/// The part of the screen's question that a frame shows; None: there is none, or no room for it.
pub fn in_sight(model: &Model) -> Option<InSight> {
    if too_small(model.size) {
        return None;
    }
    let [_, body, _] = areas(Rect::new(0, 0, model.size.0, model.size.1));
    Some(Shown::new(model, body)?.sight)
}

/// ```text
///  ┌ Prune below /var/spool/app ───────────────────────────────┐
///  │ ▸ 1 negative dentries    40,100,212   7.2 GiB             │
///  │ ...                                                       │
///  │ lines 1 to 6 of 14: PgDn, PgUp                            │
///  │ PgDn shows the rest; y counts after that    Esc cancels   │
///  └───────────────────────────────────────────────────────────┘
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, screen: Rect) {
    let Some(Shown { asked, sight, area }) = Shown::new(model, screen) else {
        return;
    };
    let look = model.look;
    let block = Block::bordered()
        .border_set(look.glyphs.border)
        .title(Line::styled(format!(" {} ", asked.title), look.strong()))
        .padding(Padding::horizontal(1));
    let [text, between, last] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(block.inner(area));
    frame.render_widget(Clear, cleared(screen, area));
    frame.render_widget(block, area);
    let scroll = u16::try_from(sight.first).unwrap_or(u16::MAX);
    let paragraph = Paragraph::new(Text::from(asked.text)).wrap(Wrap { trim: false });
    frame.render_widget(paragraph.scroll((scroll, 0)), text);
    if sight.end - sight.first < sight.of {
        let words = format!(
            "lines {} to {} of {}: PgDn, PgUp",
            sight.first + 1,
            sight.end,
            sight.of
        );
        frame.render_widget(Line::styled(words, look.warn()), between);
    }
    frame.render_widget(prompt(model, asked.prompt, sight), last);
}

fn prompt(model: &Model, prompt: Prompt, sight: InSight) -> Line<'static> {
    let look = model.look;
    let width = usize::from(sight.width);
    let words = match prompt {
        Prompt::Says(texts, style) => return Line::styled(fitting(texts, width), style),
        Prompt::Asks(words) => words,
    };
    let leave = words.leave;
    let behind = |text: &str| format!("{text}    {leave}");
    match model.asking.answer(Some(sight)) {
        Answer::Hidden | Answer::Early => {
            let texts = ["y counts after the plan was shown", "not yet"];
            Line::styled(fitting(texts.map(behind), width), look.dim())
        }
        Answer::Unread => {
            let texts = [
                "PgDn shows the rest; y counts after that",
                "PgDn: more before y",
            ];
            Line::styled(fitting(texts.map(behind), width), look.warn())
        }
        Answer::Heard if model.asking.urged => {
            let style = look.warn().patch(look.selected());
            Line::styled(fitting([behind(words.not), words.not.into()], width), style)
        }
        Answer::Heard => {
            let nothing = if words.enter {
                "    Enter does nothing"
            } else {
                ""
            };
            let beside = [
                format!("{nothing}    {leave}"),
                format!("    {leave}"),
                format!("  {leave}"),
                String::new(),
            ];
            let room = width.saturating_sub(Span::raw(&words.go).width());
            Line::from(vec![
                Span::styled(words.go, look.strong().patch(words.style)),
                Span::raw(fitting(beside, room)),
            ])
        }
    }
}

/// The first text that fits, or the last.
fn fitting(texts: impl IntoIterator<Item = String>, width: usize) -> String {
    let mut last = String::new();
    for text in texts {
        last = text;
        if Span::raw(&last).width() <= width {
            break;
        }
    }
    last
}
