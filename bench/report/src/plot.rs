// SPDX-License-Identifier: GPL-2.0

//! The plots: modelled time against cores and against regions, counted instructions against cores.

use plotters::prelude::*;
use std::path::Path;

/// One line.
pub struct Line {
    /// What it is called.
    pub name: String,
    /// Its points.
    pub points: Vec<(f64, f64)>,
    /// Ours are drawn in one colour, theirs in another.
    pub ours: bool,
    /// The second of two of the same: drawn thin.
    pub thin: bool,
}

/// One diagram.
pub struct Diagram {
    /// Its title.
    pub title: String,
    /// What the axis is.
    pub x: &'static str,
    /// What the axis is.
    pub y: &'static str,
    /// The lines.
    pub lines: Vec<Line>,
}

/// Draws diagrams beside each other, with logarithmic axes.
pub fn draw(file: &Path, diagrams: &[Diagram]) -> Result<(), String> {
    let width = 620 * u32::try_from(diagrams.len()).map_err(|e| e.to_string())?;
    let root = SVGBackend::new(file, (width, 420)).into_drawing_area();
    root.fill(&WHITE).map_err(|e| e.to_string())?;
    for (area, diagram) in root.split_evenly((1, diagrams.len())).iter().zip(diagrams) {
        one(area, diagram).map_err(|e| format!("{}: {e}", diagram.title))?;
    }
    root.present()
        .map_err(|e| format!("{}: {e}", file.display()))
}

fn range(values: impl Iterator<Item = f64>) -> Option<std::ops::Range<f64>> {
    let (low, high) = values
        .filter(|v| *v > 0.0)
        .fold((f64::MAX, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
    (high > 0.0).then(|| low / 1.3..high * 4.0)
}

fn one<'a>(
    area: &DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    diagram: &Diagram,
) -> Result<(), Box<dyn std::error::Error + 'a>> {
    let points = || diagram.lines.iter().flat_map(|line| &line.points);
    let (Some(x), Some(y)) = (range(points().map(|p| p.0)), range(points().map(|p| p.1))) else {
        return Err("nothing to draw".into());
    };
    let mut chart = ChartBuilder::on(area)
        .caption(&diagram.title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .x_desc(diagram.x)
        .y_desc(diagram.y)
        .x_label_formatter(&|v| short(*v))
        .y_label_formatter(&|v| short(*v))
        .light_line_style(WHITE)
        .draw()?;
    for line in &diagram.lines {
        let colour = if line.ours {
            RGBColor(0, 102, 170)
        } else {
            RGBColor(190, 60, 30)
        };
        let style = colour.stroke_width(if line.thin { 1 } else { 2 });
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        let size = if line.thin { 2 } else { 3 };
        chart.draw_series(
            line.points
                .iter()
                .map(|point| Circle::new(*point, size, colour.filled())),
        )?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .label_font(("sans-serif", 12))
        .draw()?;
    Ok(())
}

/// A number on an axis.
fn short(v: f64) -> String {
    match v {
        v if v >= 1e6 => format!("{:.0}M", v / 1e6),
        v if v >= 1e3 => format!("{:.0}k", v / 1e3),
        v if v >= 1.0 => format!("{v:.0}"),
        v => format!("{v}"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_range_leaves_room() {
        let r = range([10.0, 0.0, 1000.0].into_iter()).unwrap();
        assert!(r.start < 10.0 && r.start > 0.0 && r.end > 1000.0);
        assert_eq!(range([0.0].into_iter()), None);
    }

    #[test]
    fn numbers_on_axes() {
        assert_eq!(short(2048.0), "2k");
        assert_eq!(short(0.1), "0.1");
        assert_eq!(short(3_000_000.0), "3M");
    }
}
