//! What is drawn with what. A drawing names roles and no colours: the page's style sheet decides,
//! for light and dark and print, and gives lines their dashes.
//!
//! The drawing library knows colours only, so every role has one that no palette has; when a
//! drawing is done, they become classes.

use plotters::style::{RGBColor, ShapeStyle};

/// How many series have a style of their own; further ones begin again.
pub(in crate::report) const SERIES: usize = 18;

/// How many shades a heat map has.
pub(in crate::report) const SHADES: usize = 9;

/// A role in a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Ink {
    /// Names and numbers.
    Text,
    /// Names and numbers on a shade of a heat map.
    TextOn(usize),
    /// The lines that plots stand on.
    Axis,
    /// The lines behind plots.
    Grid,
    /// What is not about this series, but beside it.
    Pale,
    /// The time before anything is measured.
    Warmup,
    /// The time in which something is wrong.
    Trouble,
    /// A series, by its number.
    Series(usize),
    /// A shade of a heat map, from 0.
    Shade(usize),
}

impl Ink {
    /// Kind and number.
    const fn code(self) -> (u8, u8) {
        match self {
            Self::Text => (0, 0),
            Self::TextOn(shade) => (1, (shade % SHADES) as u8),
            Self::Axis => (2, 0),
            Self::Grid => (3, 0),
            Self::Pale => (4, 0),
            Self::Warmup => (5, 0),
            Self::Trouble => (6, 0),
            Self::Series(n) => (7, (n % SERIES) as u8),
            Self::Shade(n) => (8, (n % SHADES) as u8),
        }
    }

    pub(super) const fn colour(self) -> RGBColor {
        let (kind, number) = self.code();
        RGBColor(MARK, kind, number)
    }

    /// A line of this width in pixels.
    pub(super) fn line(self, width: u32) -> ShapeStyle {
        ShapeStyle::from(self.colour()).stroke_width(width)
    }

    /// A filled shape.
    pub(super) fn fill(self) -> ShapeStyle {
        ShapeStyle::from(self.colour()).filled()
    }
}

/// What the colours of all roles begin with.
const MARK: u8 = 0x01;

/// The names of kinds in classes, by their codes.
const NAMES: [&str; 9] = ["t", "o", "a", "g", "p", "w", "x", "s", "h"];

/// The classes of roles in the place of their colours: `class="l-s3"` of what is drawn as a line,
/// `class="f-s3"` of what is filled.
pub(super) fn classes(svg: &str) -> String {
    let mut text = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some(at) = rest.find("=\"#01") {
        let (before, after) = rest.split_at(at);
        let code = |from: usize| {
            let digits = after.get(from..from + 2)?;
            usize::from_str_radix(digits, 16).ok()
        };
        let (kind, number) = (code(5), code(7));
        let attribute = before.rfind(' ').map_or(0, |blank| blank + 1);
        text.push_str(&before[..attribute]);
        let letter = if &before[attribute..] == "stroke" {
            "l"
        } else {
            "f"
        };
        let name = kind
            .and_then(|kind| NAMES.get(kind))
            .copied()
            .unwrap_or_default();
        text.push_str("class=\"");
        text.push_str(&format!("{letter}-{name}{}\"", number.unwrap_or_default()));
        rest = &after["=\"#010203\"".len()..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn colours_become_classes() {
        let (line, fill) = ("stroke=\"#010703\" x=\"1\"", "fill=\"#010800\"");
        let found = classes(&format!("<line {line}/><rect {fill} stroke=\"none\"/>"));
        assert_eq!(
            found,
            "<line class=\"l-s3\" x=\"1\"/><rect class=\"f-h0\" stroke=\"none\"/>"
        );
        let RGBColor(mark, kind, number) = Ink::Series(21).colour();
        assert_eq!((mark, kind, number), (MARK, 7, 3));
    }
}
