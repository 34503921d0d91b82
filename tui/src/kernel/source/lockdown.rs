//! The kernel's lockdown: what even root may not do.

use std::path::Path;

use super::files::{FIGURES, Files};

/// The level that holds: `none`, `integrity` or `confidentiality`, of which the file has the chosen one in brackets
/// (security/lockdown/lockdown.c, Linux 7.3). None: the kernel has no lockdown, or does not show it.
pub fn lockdown(root: &Path) -> Option<String> {
    let text = Files::new(root)
        .read("sys/kernel/security/lockdown", FIGURES)
        .ok()?;
    chosen(&String::from_utf8_lossy(&text))
}

fn chosen(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_in_brackets_holds() {
        let level = chosen("none [integrity] confidentiality\n");
        assert_eq!(level.as_deref(), Some("integrity"));
        assert_eq!(chosen("none integrity"), None);
    }
}
