//! Lines over an axis, with stretches of it shaded.

use std::ops::Range;

use plotters::chart::ChartBuilder;
use plotters::coord::ranged1d::Ranged;
use plotters::element::{PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, VPos};

use super::ink::Ink;
use super::scale::{Scale, tick};
use super::{Caption, TEXT, draw, text, written};

/// Lines with common axes.
#[derive(Clone, Debug)]
pub(in crate::report) struct Lines<'a> {
    /// In pixels.
    pub(in crate::report) size: (u32, u32),
    /// The horizontal axis, and what a tick is called.
    pub(in crate::report) x: Scale,
    /// What a tick is called; none for its number.
    pub(in crate::report) x_name: fn(f64) -> String,
    /// What it measures, with its unit.
    pub(in crate::report) x_title: &'a str,
    /// The vertical axis.
    pub(in crate::report) y: Scale,
    /// What it measures, with its unit.
    pub(in crate::report) y_title: &'a str,
    /// Stretches of the horizontal axis.
    pub(in crate::report) shades: &'a [(f64, f64, Ink)],
    /// Those that are drawn last lie above the others.
    pub(in crate::report) series: Vec<Series>,
}

/// One line; it is broken where a value is missing.
#[derive(Clone, Debug)]
pub(in crate::report) struct Series {
    /// How it is drawn.
    pub(in crate::report) ink: Ink,
    /// In pixels.
    pub(in crate::report) width: u32,
    /// Horizontal and vertical.
    pub(in crate::report) points: Vec<(f64, Option<f64>)>,
}

impl Lines<'_> {
    pub(in crate::report) fn svg(&self, caption: &Caption) -> String {
        draw(caption, self.size, |area| {
            let top = TEXT * 2;
            let mut builder = ChartBuilder::on(area);
            builder.margin_top(top).margin_right(TEXT * 2);
            builder
                .x_label_area_size(TEXT * 3)
                .y_label_area_size(TEXT * 4);
            let mut chart = written(builder.build_cartesian_2d(self.x.clone(), self.y.clone()));
            let Range { start, end } = self.y.range();
            let shades = self.shades.iter().map(|(from, until, ink)| {
                Rectangle::new([(*from, start), (*until, end)], ink.fill())
            });
            written(chart.draw_series(shades));
            let label = text(Ink::Text, HPos::Center, VPos::Top);
            let mesh = chart
                .configure_mesh()
                .x_labels(2)
                .y_labels(2)
                .x_label_formatter(&|value| (self.x_name)(*value))
                .y_label_formatter(&|value| tick(*value))
                .label_style(label)
                .bold_line_style(Ink::Grid.line(1))
                .axis_style(Ink::Axis.line(1))
                .draw();
            written(mesh);
            for series in &self.series {
                let paths = series.pieces().into_iter();
                let paths = paths.map(|path| PathElement::new(path, series.ink.line(series.width)));
                written(chart.draw_series(paths));
            }
            let (width, height) = (self.size.0 as i32, self.size.1 as i32);
            let note = text(Ink::Text, HPos::Left, VPos::Top);
            written(area.draw_text(self.y_title, &note, (0, 2)));
            let note = text(Ink::Text, HPos::Right, VPos::Bottom);
            written(area.draw_text(self.x_title, &note, (width - 2, height - 1)));
        })
    }
}

impl Series {
    /// The stretches without a gap; one point alone is a short stroke.
    fn pieces(&self) -> Vec<Vec<(f64, f64)>> {
        let mut pieces = vec![Vec::new()];
        for (x, y) in &self.points {
            match y {
                Some(y) => pieces
                    .last_mut()
                    .expect("there is always one")
                    .push((*x, *y)),
                None => pieces.push(Vec::new()),
            }
        }
        pieces.retain(|piece| !piece.is_empty());
        for piece in &mut pieces {
            if let [only] = piece[..] {
                piece.push(only);
            }
        }
        pieces
    }
}
