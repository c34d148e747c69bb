//! Pictures as SVG: lines over an axis, rows of marks, heat maps.
//!
//! Shapes and axes are drawn by plotters. Legends and titles stand in the page around them, where
//! text has the measures that its reader's machine gives it; names inside a picture have room for
//! as many characters as they may have.

mod heat;
mod ink;
mod line;
mod row;
mod scale;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, TextStyle};

pub(super) use heat::{Depth, Heat};
pub(super) use ink::{Ink, SERIES, SHADES};
pub(super) use line::{Lines, Series};
pub(super) use row::{Mark, Rows};
pub(super) use scale::{Scale, tick};

/// The size of text, in pixels of a picture.
const TEXT: i32 = 12;
/// The room that a character may take.
const CHARACTER: i32 = 7;
/// What the library divides sizes by.
const EM: f64 = 1.24;

/// What a picture shows, for those who do not see it.
#[derive(Clone, Debug)]
pub(super) struct Caption {
    /// Unique in the page.
    pub(super) id: String,
    /// A few words.
    pub(super) title: String,
    /// What is to be seen.
    pub(super) text: String,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws a picture of `size` pixels.
fn draw(caption: &Caption, size: (u32, u32), draw: impl FnOnce(&Area<'_>)) -> String {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area);
        written(area.present());
    }
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    // What is the same for all text and what is the default says nothing.
    let size_of_text = format!(" font-size=\"{}\"", f64::from(TEXT));
    let mut body = ink::classes(body);
    for noise in [
        " opacity=\"1\"",
        " font-family=\"sans-serif\"",
        " stroke=\"none\"",
        &size_of_text,
    ] {
        body = body.replace(noise, "");
    }
    let Caption { id, title, text } = caption;
    let (title, text) = (super::html::escaped(title), super::html::escaped(text));
    format!(
        "<svg role=\"img\" viewBox=\"0 0 {} {}\" aria-labelledby=\"{id}-t {id}-d\">\
         <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{text}</desc>{}",
        size.0,
        size.1,
        body.trim_start()
    )
}

/// A picture in memory is always written.
fn written<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.expect("memory takes everything")
}

fn text(ink: Ink, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    let size = f64::from(TEXT) * EM;
    let font = FontDesc::new(FontFamily::SansSerif, size, FontStyle::Normal);
    TextStyle {
        font,
        color: ink.colour().to_backend_color(),
        pos: Pos::new(horizontal, vertical),
    }
}

/// `name`, cut to `most` characters.
fn cut(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most - 1).chain(['…']).collect()
}
