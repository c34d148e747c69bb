//! Heat maps: rows and columns of shades.

use plotters::element::Rectangle;
use plotters::style::text_anchor::{HPos, VPos};

use super::ink::{Ink, SHADES};
use super::{CHARACTER, Caption, TEXT, cut, draw, text, written};

/// Longer names are cut; tables have them in full.
const NAME: usize = 14;

/// A map of values that share one range.
#[derive(Clone, Debug)]
pub(in crate::report) struct Heat<'a> {
    /// Of the whole picture, in pixels.
    pub(in crate::report) width: u32,
    /// The height of a row.
    pub(in crate::report) row: u32,
    pub(in crate::report) depth: Depth,
    /// From top to bottom, each with its columns.
    pub(in crate::report) rows: Vec<(String, Vec<Option<f64>>)>,
    /// What stands in a field; nothing where it would not fit.
    pub(in crate::report) field: Option<fn(f64) -> String>,
    /// Names below the columns: place as a share of the width, and text.
    pub(in crate::report) columns: Vec<(f64, String)>,
    /// What the columns are, with its unit.
    pub(in crate::report) title: &'a str,
}

/// Which values have which shade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) struct Depth {
    /// What has the darkest.
    pub(in crate::report) most: f64,
    /// From shade to shade values double, where they lie too far apart for equal steps.
    pub(in crate::report) doubling: bool,
}

impl Depth {
    /// For `values` from zero on; `None` if there is nothing above it.
    pub(in crate::report) fn fit(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut some: Vec<f64> = values.filter(|value| *value > 0.0).collect();
        some.sort_by(f64::total_cmp);
        let (most, middle) = (*some.last()?, some[some.len() / 2]);
        Some(Self {
            most,
            doubling: most > SHADES as f64 * middle,
        })
    }

    fn shade(self, value: f64) -> usize {
        let darkest = SHADES - 1;
        if value >= self.most {
            return darkest;
        }
        let share = (value / self.most).max(0.0);
        match self.doubling {
            false => ((share * SHADES as f64) as usize).min(darkest),
            true => (0..darkest)
                .find(|n| share * f64::from(1 << (darkest - n)) < 2.0)
                .unwrap_or(darkest),
        }
    }
}

impl Heat<'_> {
    pub(in crate::report) fn svg(&self, caption: &Caption) -> String {
        let longest = self.rows.iter().map(|(name, _)| name.chars().count()).max();
        let left = longest.unwrap_or(0).min(NAME) as i32 * CHARACTER + TEXT;
        let row = self.row as i32;
        let height = self.rows.len() as i32 * row + TEXT * 3;
        let right = self.width as i32 - TEXT * 2;
        draw(caption, (self.width, height as u32), |area| {
            let label = text(Ink::Text, HPos::Right, VPos::Center);
            for ((name, values), n) in self.rows.iter().zip(0..) {
                let top = n * row;
                written(area.draw_text(&cut(name, NAME), &label, (left - 6, top + row / 2)));
                let columns = values.len().max(1) as i32;
                let edge = |column: i32| left + (right - left) * column / columns;
                for (from, until, ink) in self.stretches(values) {
                    let corners = [(edge(from), top), (edge(until), top + row - 1)];
                    written(area.draw(&Rectangle::new(corners, ink.fill())));
                }
                let Some(field) = self.field else { continue };
                for (value, column) in values.iter().zip(0..) {
                    let Some(value) = value else { continue };
                    let ink = Ink::TextOn(self.depth.shade(*value));
                    let centre = ((edge(column) + edge(column + 1)) / 2, top + row / 2);
                    let style = text(ink, HPos::Center, VPos::Center);
                    written(area.draw_text(&field(*value), &style, centre));
                }
            }
            let below = self.rows.len() as i32 * row + 4;
            let label = text(Ink::Text, HPos::Center, VPos::Top);
            for (share, name) in &self.columns {
                let x = left + libm::round(f64::from(right - left) * share) as i32;
                written(area.draw_text(name, &label, (x, below)));
            }
            let note = text(Ink::Text, HPos::Right, VPos::Bottom);
            let corner = (self.width as i32 - 2, height - 1);
            written(area.draw_text(self.title, &note, corner));
        })
    }

    /// Neighbours of one shade together: from, until and with what. Fields with text stand alone.
    fn stretches(&self, values: &[Option<f64>]) -> Vec<(i32, i32, Ink)> {
        let mut stretches: Vec<(i32, i32, Ink)> = Vec::new();
        for (value, column) in values.iter().zip(0..) {
            let Some(value) = value else { continue };
            let ink = Ink::Shade(self.depth.shade(*value));
            match stretches.last_mut() {
                Some((_, until, last))
                    if *last == ink && *until == column && self.field.is_none() =>
                {
                    *until += 1;
                }
                _ => stretches.push((column, column + 1, ink)),
            }
        }
        stretches
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn shades_are_even_or_double() {
        let even = Depth::fit([0.0, 9.0, 5.0, 4.0].into_iter()).unwrap();
        assert!(!even.doubling);
        assert_eq!(
            [0.0, 0.9, 1.1, 8.5, 9.0].map(|v| even.shade(v)),
            [0, 0, 1, 8, 8]
        );
        let far = Depth::fit([1.0, 1.0, 1.0, 256.0].into_iter()).unwrap();
        assert!(far.doubling);
        let found = [0.0, 1.0, 2.5, 64.0, 127.0, 128.0, 256.0].map(|v| far.shade(v));
        assert_eq!(found, [0, 0, 1, 6, 6, 7, 8]);
        assert_eq!(Depth::fit([0.0].into_iter()), None);
    }
}
