//! In the tree, with the module's answers.

use std::time::Duration;

use slabscope::cache::census::Census;
use slabscope::ui::update::Msg;

use super::{App, census, mounts};

impl App {
    /// On the tree screen with the captured mounts and one ext4 more.
    pub fn on_tree(columns: u16, rows: u16) -> Self {
        let mut app = Self::sampled(columns, rows);
        app.keys("2");
        app.msg(Msg::Mounts(Ok(mounts())));
        app
    }

    /// Enters /mnt/ext4 from any screen.
    pub fn walk_to_ext4(&mut self) {
        self.keys("2");
        self.msg(Msg::Mounts(Ok(mounts())));
        self.keys("j<Enter>");
        self.counted(census());
    }

    /// In /mnt/ext4, counted.
    pub fn in_ext4(columns: u16, rows: u16) -> Self {
        let mut app = Self::on_tree(columns, rows);
        app.keys("j<Enter>");
        app.counted(census());
        app
    }

    /// The last requested census ends.
    pub fn counted(&mut self, census: Census) {
        let (job, at) = (self.model.last_job, Duration::from_secs(2));
        let result = Ok(census);
        self.msg(Msg::Counted { job, at, result });
    }
}
