//! Keys and clicks of a user.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use slabscope::ui::update::Msg;

use super::App;

impl App {
    /// Types keys: characters, and names such as `<Enter>` and `<Esc>`; the user types each after
    /// seeing the screen.
    pub fn keys(&mut self, keys: &str) {
        self.type_all(keys, true);
    }

    /// The same, but all of it was typed before the next frame.
    pub fn typed_ahead(&mut self, keys: &str) {
        self.type_all(keys, false);
    }

    /// Pastes, in a terminal with bracketed paste.
    pub fn paste(&mut self, text: &str) {
        self.msg(Msg::Pasted(text.into()));
    }

    /// The screen is drawn, and no input arrives for a moment.
    pub fn looks(&mut self) {
        self.msg(Msg::Drawn);
        if let Some(asked) = self.model.asking.waits() {
            self.msg(Msg::Idle { asked });
        }
    }

    fn type_all(&mut self, keys: &str, looking: bool) {
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            if looking {
                self.looks();
            }
            let (code, len) = match rest.strip_prefix('<').and_then(|r| r.split_once('>')) {
                Some((name, _)) => (named(name), name.len() + 2),
                None => (KeyCode::Char(c), c.len_utf8()),
            };
            self.msg(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)));
            rest = &rest[len..];
        }
    }

    /// A key together with Ctrl.
    pub fn control(&mut self, c: char) {
        self.msg(Msg::Key(KeyEvent::new(
            KeyCode::Char(c),
            KeyModifiers::CONTROL,
        )));
    }

    /// A key together with Alt, which is also Esc and the key if they are read at once.
    pub fn alt(&mut self, c: char) {
        self.msg(Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::ALT)));
    }

    /// Ctrl-U, which erases what was typed.
    pub fn control_u(&mut self) {
        self.control('u');
    }

    fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) {
        self.msg(Msg::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }));
    }

    /// A click.
    pub fn click(&mut self, column: u16, row: u16) {
        self.mouse(MouseEventKind::Down(MouseButton::Left), column, row);
        self.mouse(MouseEventKind::Up(MouseButton::Left), column, row);
    }

    /// A notch of the wheel.
    pub fn wheel(&mut self, down: bool) {
        let kind = match down {
            true => MouseEventKind::ScrollDown,
            false => MouseEventKind::ScrollUp,
        };
        self.mouse(kind, 5, 15);
    }
}

fn named(name: &str) -> KeyCode {
    match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Backspace" => KeyCode::Backspace,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "PageUp" => KeyCode::PageUp,
        "PageDown" => KeyCode::PageDown,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "Tab" => KeyCode::Tab,
        _ => panic!("no key is named {name}"),
    }
}
