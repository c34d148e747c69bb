//! A figure: pictures with a legend, their numbers as tables, and the command that repeats them.

use std::fmt::Write as _;

use super::escaped;
use crate::report::plot::{SERIES, SHADES};

/// Pictures that belong together.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Figure {
    /// Unique in the page.
    pub(in crate::report) id: &'static str,
    pub(in crate::report) title: String,
    /// How to read it, a sentence or two.
    pub(in crate::report) lead: String,
    pub(in crate::report) legend: Legend,
    /// With a name each if there are several.
    pub(in crate::report) pictures: Vec<(String, String)>,
    pub(in crate::report) tables: Vec<Table>,
    /// What prints the same numbers.
    pub(in crate::report) command: String,
}

/// What inks mean.
#[derive(Clone, Debug, Default)]
pub(in crate::report) enum Legend {
    #[default]
    None,
    /// Lines by name.
    Lines(Vec<(usize, String)>),
    /// Shades from zero to a value with its unit.
    Shades(String),
}

/// Numbers.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Table {
    pub(super) caption: String,
    /// Of the columns, that of the rows' names first.
    pub(super) head: Vec<String>,
    /// Name and numbers.
    pub(super) rows: Vec<(String, Vec<String>)>,
}

impl Figure {
    pub(super) fn write(&self, page: &mut String) {
        let (id, title, lead) = (self.id, escaped(&self.title), escaped(&self.lead));
        let _ = write!(
            page,
            "<figure aria-labelledby=\"{id}\">\n<figcaption><h3 id=\"{id}\">{title}</h3>\n\
             <p>{lead}</p></figcaption>\n"
        );
        self.legend.write(page);
        match self.pictures.as_slice() {
            [(_, only)] => {
                let _ = writeln!(
                    page,
                    "<div class=\"wide\" role=\"group\" tabindex=\"0\" aria-label=\"{title}\">\
                     {only}</div>"
                );
            }
            several => {
                page.push_str("<div class=\"grid\">\n");
                for (name, picture) in several {
                    let name = escaped(name);
                    let _ = writeln!(page, "<div class=\"panel\"><h4>{name}</h4>{picture}</div>");
                }
                page.push_str("</div>\n");
            }
        }
        page.push_str("<details><summary>The numbers, and how to get them again</summary>\n");
        let _ = writeln!(
            page,
            "<p>Repeat: <code>{}</code></p>",
            escaped(&self.command)
        );
        for table in &self.tables {
            table.write(page, "");
        }
        page.push_str("</details>\n</figure>\n");
    }
}

impl Legend {
    fn write(&self, page: &mut String) {
        match self {
            Self::None => {}
            Self::Lines(lines) => {
                page.push_str("<ul class=\"legend\">\n");
                for (n, name) in lines {
                    let _ = writeln!(page, "<li>{}{}</li>", swatch(*n), escaped(name));
                }
                page.push_str("</ul>\n");
            }
            Self::Shades(most) => {
                let _ = write!(page, "<p class=\"shades\">0 ");
                page.push_str("<svg aria-hidden=\"true\" viewBox=\"0 0 180 12\">");
                for n in 0..SHADES {
                    let x = n * 180 / SHADES;
                    let _ = write!(
                        page,
                        "<rect class=\"f-h{n}\" x=\"{x}\" width=\"20\" height=\"12\"/>"
                    );
                }
                let _ = writeln!(page, "</svg> {}</p>", escaped(most));
            }
        }
    }
}

/// A piece of a series' line.
pub(super) fn swatch(n: usize) -> String {
    let n = n % SERIES;
    format!(
        "<svg class=\"swatch\" aria-hidden=\"true\" viewBox=\"0 0 30 8\">\
         <path class=\"l-s{n}\" d=\"M0 4H30\"/></svg>"
    )
}

impl Table {
    /// With `class`, if there is one.
    pub(super) fn write(&self, page: &mut String, class: &str) {
        let caption = escaped(&self.caption);
        let _ = write!(
            page,
            "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"{caption}\">\
             <table class=\"{class}\"><caption>{caption}</caption>\n<thead><tr>"
        );
        for title in &self.head {
            let _ = write!(page, "<th scope=\"col\">{}</th>", escaped(title));
        }
        page.push_str("</tr></thead>\n<tbody>\n");
        for (name, numbers) in &self.rows {
            let _ = write!(page, "<tr><th scope=\"row\">{}</th>", escaped(name));
            for number in numbers {
                let _ = write!(page, "<td>{}</td>", escaped(number));
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</tbody></table></div>\n");
    }
}
