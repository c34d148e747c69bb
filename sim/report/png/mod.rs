//! The page's figures as PNG, for where pages are not shown: tickets, chats, slides.
//!
//! What the page says around a picture stands in it: the title, what is compared, the legend. The
//! colours are those of the page in light. The font comes along, so that names have the same
//! widths everywhere.

use std::fmt::Write as _;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Error, Options, Tree};

use super::Report;
use super::html::{self, Figure, Legend, STYLE};
use super::plot::SHADES;

/// DejaVu Sans, the characters of Latin and some signs of it; LICENSE beside it.
const FONT: &[u8] = include_bytes!("DejaVuSans.ttf");
const FAMILY: &str = "DejaVu Sans";
/// Dots for each pixel of a drawing.
const SCALE: f32 = 2.0;
/// Pictures beside each other.
const COLUMNS: usize = 2;
/// The room around everything, for a title, and for a line of other text.
const MARGIN: usize = 16;
const TITLE: usize = 26;
const LINE: usize = 20;
/// The room that a character may take, as in pictures.
const CHARACTER: usize = 8;

/// All figures by name, as PNG.
///
/// # Errors
///
/// A name has characters that no picture can have.
pub fn png(report: &Report) -> Result<Vec<(&'static str, Vec<u8>)>, Error> {
    let mut options = Options {
        font_family: FAMILY.to_owned(),
        ..Options::default()
    };
    options.fontdb_mut().load_font_data(FONT.to_vec());
    let style = style();
    let sections = html::sections(report);
    let figures = sections.iter().flat_map(|(_, _, figures)| figures);
    let render = |figure: &Figure| {
        let drawing = drawing(&report.outline.name, figure, &style);
        Ok((figure.id, rendered(&Tree::from_str(&drawing, &options)?)))
    };
    figures.map(render).collect()
}

fn rendered(tree: &Tree) -> Vec<u8> {
    let size = tree.size().to_int_size().scale_by(SCALE);
    let (width, height) = size.map_or((1, 1), |size| (size.width(), size.height()));
    let mut dots = Pixmap::new(width, height).expect("figures are of some thousand pixels");
    dots.fill(Color::WHITE);
    resvg::render(
        tree,
        Transform::from_scale(SCALE, SCALE),
        &mut dots.as_mut(),
    );
    dots.encode_png().expect("memory takes everything")
}

/// The rules of roles, with the page's colours in the place of their names.
fn style() -> String {
    let paragraphs = STYLE.split("\n\n");
    let roles = paragraphs.filter(|rules| rules.starts_with(".f-t0"));
    let mut rules: String = roles.collect();
    while let Some(from) = rules.find("var(") {
        let end = from + rules[from..].find(')').unwrap_or_default();
        let name = format!("{}:", &rules[from + 4..end]);
        // The first of a name is that of a light page.
        let value = STYLE.split_once(&name).map_or("", |(_, after)| after);
        let value = value.split(';').next().unwrap_or_default().trim();
        rules.replace_range(from..=end, value);
    }
    rules
}

/// A figure as one drawing.
fn drawing(scenario: &str, figure: &Figure, style: &str) -> String {
    let sizes = figure.pictures.iter().map(|(_, picture)| size(picture));
    let (wide, high) = sizes.fold((0, 0), |(w, h), (width, height)| {
        (w.max(width), h.max(height))
    });
    let several = figure.pictures.len() > 1;
    let columns = if several { COLUMNS } else { 1 };
    let named = if several { LINE } else { 0 };
    let width = columns * (wide + MARGIN) + MARGIN;
    let mut body = String::new();
    let mut top = MARGIN + TITLE;
    let title = html::escaped(&format!("{}: {}", scenario, figure.title));
    let _ = write!(
        body,
        "<text class=\"f-t0\" x=\"{MARGIN}\" y=\"{}\" font-size=\"16\">{title}</text>",
        top - 8
    );
    top = legend(&mut body, &figure.legend, top, width);
    for row in figure.pictures.chunks(columns) {
        for (column, (name, picture)) in row.iter().enumerate() {
            let left = MARGIN + column * (wide + MARGIN);
            if several {
                text(&mut body, left, top + LINE - 6, name);
            }
            let (width, height) = size(picture);
            let inner = picture.strip_prefix("<svg ").unwrap_or(picture);
            let top = top + named;
            let _ = write!(
                body,
                "<svg x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" {inner}"
            );
        }
        top += high + named + MARGIN / 2;
    }
    let height = top + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"{FAMILY}\" font-size=\"12\"><style>{style}</style>{body}</svg>"
    )
}

/// Writes the legend from `top` on; where it ends.
fn legend(body: &mut String, legend: &Legend, top: usize, width: usize) -> usize {
    match legend {
        Legend::None => top,
        Legend::Shades(most) => {
            text(body, MARGIN, top + 12, "0");
            let left = MARGIN + 2 * CHARACTER;
            for n in 0..SHADES {
                let x = left + 20 * n;
                let rect = format!("x=\"{x}\" y=\"{top}\" width=\"20\" height=\"14\"");
                let _ = write!(body, "<rect class=\"f-h{n}\" {rect}/>");
            }
            text(body, left + 20 * SHADES + CHARACTER, top + 12, most);
            top + LINE
        }
        Legend::Lines(lines) => {
            let (mut left, mut top) = (MARGIN, top);
            for (n, name) in lines {
                let room = 36 + (name.chars().count() + 2) * CHARACTER;
                if left > MARGIN && left + room > width {
                    (left, top) = (MARGIN, top + LINE);
                }
                let (n, y) = (n % super::plot::SERIES, top + 8);
                let path = format!("stroke-width=\"3\" d=\"M{left} {y}h30\"");
                let _ = write!(body, "<path class=\"l-s{n}\" fill=\"none\" {path}/>");
                text(body, left + 36, top + 12, name);
                left += room;
            }
            top + LINE
        }
    }
}

fn text(body: &mut String, x: usize, y: usize, words: &str) {
    let words = html::escaped(words);
    let _ = write!(
        body,
        "<text class=\"f-t0\" x=\"{x}\" y=\"{y}\">{words}</text>"
    );
}

/// Width and height of a picture, in pixels.
fn size(picture: &str) -> (usize, usize) {
    let mut numbers = picture
        .split_once("viewBox=\"0 0 ")
        .and_then(|(_, after)| after.split('"').next())
        .unwrap_or_default()
        .split(' ')
        .map(|number| number.parse().unwrap_or_default());
    (
        numbers.next().unwrap_or_default(),
        numbers.next().unwrap_or_default(),
    )
}

#[cfg(test)]
mod test {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_role_has_a_colour() {
        let style = style();
        assert!(!style.contains("var("), "{style}");
        assert!(style.contains(".f-t0 { fill: #1b1f24; }"), "{style}");
        assert!(!style.contains(": ;"), "{style}");
    }

    /// Lines, names and the legend are there, in their colours.
    #[test]
    fn a_figure_is_drawn() {
        let inner = "<svg viewBox=\"0 0 300 100\"><path class=\"l-s1\" d=\"M0 50H300\" \
                     stroke-width=\"9\"/></svg>";
        let figure = Figure {
            id: "f",
            title: "Latency & more".into(),
            legend: Legend::Lines(vec![(1, "p2c".into())]),
            pictures: vec![("a".into(), inner.into()), ("b".into(), inner.into())],
            ..Figure::default()
        };
        let mut options = Options::default();
        options.fontdb_mut().load_font_data(FONT.to_vec());
        let tree = Tree::from_str(&drawing("<x>", &figure, &style()), &options).unwrap();
        let png = rendered(&tree);
        let dots = Pixmap::decode_png(&png).unwrap();
        assert_eq!((dots.width(), dots.height()), (1_296, 412));
        let colours: BTreeSet<_> = dots
            .pixels()
            .iter()
            .map(|dot| (dot.red(), dot.green(), dot.blue()))
            .collect();
        for colour in [(0xff, 0xff, 0xff), (0xd5, 0x5e, 0x00), (0x1b, 0x1f, 0x24)] {
            assert!(colours.contains(&colour), "{colour:?}");
        }
    }
}
