//! Rows of marks over one axis: a name at the left, values and intervals at the right.

use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement};
use plotters::style::text_anchor::{HPos, VPos};

use super::ink::Ink;
use super::scale::Scale;
use super::{CHARACTER, Caption, TEXT, cut, draw, text, written};

/// The height of a row.
const ROW: i32 = 22;
/// Above the rows, and below them for the axis.
const ABOVE: i32 = 2;
const BELOW: i32 = TEXT * 3;
/// Longer names are cut; tables have them in full.
const NAME: usize = 22;

/// Named rows.
#[derive(Clone, Debug)]
pub(in crate::report) struct Rows<'a> {
    /// Of the whole picture, in pixels.
    pub(in crate::report) width: u32,
    /// The axis.
    pub(in crate::report) x: Scale,
    /// What a tick is called.
    pub(in crate::report) x_name: fn(f64) -> String,
    /// What it measures, with its unit.
    pub(in crate::report) x_title: &'a str,
    /// Where a line stands that marks are compared with.
    pub(in crate::report) zero: Option<f64>,
    /// From top to bottom.
    pub(in crate::report) rows: Vec<(String, Vec<Mark>)>,
}

/// A value in a row.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) struct Mark {
    /// How it is drawn.
    pub(in crate::report) ink: Ink,
    /// Where.
    pub(in crate::report) at: f64,
    /// Where it may lie.
    pub(in crate::report) range: Option<(f64, f64)>,
    /// A ring and no dot.
    pub(in crate::report) hollow: bool,
}

impl Rows<'_> {
    pub(in crate::report) fn svg(&self, caption: &Caption) -> String {
        let count = self.rows.len() as i32;
        let longest = self.rows.iter().map(|(name, _)| name.chars().count()).max();
        let left = longest.unwrap_or(0).min(NAME) as i32 * CHARACTER + TEXT;
        let height = ABOVE + count * ROW + BELOW;
        draw(caption, (self.width, height as u32), |area| {
            let mut builder = ChartBuilder::on(area);
            builder.margin_top(ABOVE).margin_right(TEXT * 2);
            builder.x_label_area_size(BELOW).y_label_area_size(left);
            let y = Scale::linear(0.0, f64::from(count), Vec::new());
            let mut chart = written(builder.build_cartesian_2d(self.x.clone(), y));
            let mesh = chart
                .configure_mesh()
                .x_labels(2)
                .y_labels(2)
                .x_label_formatter(&|value| (self.x_name)(*value))
                .label_style(text(Ink::Text, HPos::Center, VPos::Top))
                .bold_line_style(Ink::Grid.line(1))
                .axis_style(Ink::Axis.line(1))
                .y_label_formatter(&|_| String::new())
                .draw();
            written(mesh);
            if let Some(zero) = self.zero {
                let line = vec![(zero, 0.0), (zero, f64::from(count))];
                written(chart.draw_series([PathElement::new(line, Ink::Axis.line(1))]));
            }
            for (n, (_, marks)) in self.rows.iter().enumerate() {
                let y = f64::from(count) - n as f64 - 0.5;
                for mark in marks {
                    let range = mark.range.map(|(low, high)| {
                        PathElement::new(vec![(low, y), (high, y)], mark.ink.line(3))
                    });
                    written(chart.draw_series(range));
                    let style = match mark.hollow {
                        true => mark.ink.line(2),
                        false => mark.ink.fill(),
                    };
                    written(chart.draw_series([Circle::new((mark.at, y), 5, style)]));
                }
            }
            let label = text(Ink::Text, HPos::Right, VPos::Center);
            for ((name, marks), n) in self.rows.iter().zip(0..) {
                let y = ABOVE + ROW * n + ROW / 2;
                written(area.draw_text(&cut(name, NAME), &label, (left - TEXT / 2, y)));
                if marks.is_empty() {
                    let note = text(Ink::Text, HPos::Left, VPos::Center);
                    written(area.draw_text("nothing to compare", &note, (left + TEXT, y)));
                }
            }
            let note = text(Ink::Text, HPos::Right, VPos::Bottom);
            let corner = (self.width as i32 - 2, height - 1);
            written(area.draw_text(self.x_title, &note, corner));
        })
    }
}
