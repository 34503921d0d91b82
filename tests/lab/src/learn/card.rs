//! Texts as a terminal of 80x24 shows them.

/// How wide a text is.
pub const WIDTH: usize = 78;

/// A paragraph in lines, each behind an indent.
pub fn paragraph(text: &str, indent: &str) -> Vec<String> {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(indent)
        .subsequent_indent(indent);
    textwrap::wrap(text, options)
        .into_iter()
        .map(String::from)
        .collect()
}

/// A heading.
pub fn heading(text: &str) -> Vec<String> {
    vec![text.to_owned(), "-".repeat(text.chars().count().min(WIDTH))]
}

/// A command as it is shown. A long one goes on in the next line.
pub fn command(text: &str) -> Vec<String> {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent("  # ")
        .subsequent_indent("      ");
    textwrap::wrap(text, options)
        .into_iter()
        .map(String::from)
        .collect()
}

/// A figure as it is shown: whole where it is large.
pub fn figure(value: f64) -> String {
    if value.is_nan() {
        return "nothing".to_owned();
    }
    if value.abs() < 100.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 && text != "0" {
        text.insert(0, '-');
    }
    text
}

/// Bounds as they are shown.
pub fn bounds(low: f64, high: f64) -> String {
    match (low.is_finite(), high.is_finite()) {
        (true, true) => format!("{} to {}", figure(low), figure(high)),
        (true, false) => format!("at least {}", figure(low)),
        (false, true) => format!("at most {}", figure(high)),
        (false, false) => "any number".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_whole_where_large() {
        assert_eq!(figure(1_234_567.0), "1,234,567");
        assert_eq!(figure(-1234.4), "-1,234");
        assert_eq!(figure(0.996), "1.00");
        assert_eq!(figure(12.0), "12");
        assert_eq!(figure(f64::NAN), "nothing");
        assert_eq!(bounds(1.0, f64::INFINITY), "at least 1");
    }
}
