//! A picture of a run, as SVG: above, latency by percentile; below, what happened over time, one panel for what shares a unit and a scale.
//! Lines differ in dashes and carry their names, so that the picture can be read without colour. Does not know what is good.

mod axis;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use crate::date::date_text;
use crate::printable::printable;
use crate::report::{Latency, Report};
use crate::unit::{MICROSECONDS, Unit};
use axis::{Axis, LOGARITHM_MIN, VALUE_MAX};

/// In pixels.
const WIDTH: u32 = 1_200;
const TITLE_HEIGHT: u32 = 96;
const PERCENTILES_HEIGHT: u32 = 440;
const PANEL_HEIGHT: u32 = 190;
/// Right of the lines, for their names.
const NAMES_WIDTH: u32 = 250;
/// Between the names of two lines.
const NAME_HEIGHT: i32 = 17;
/// Left of the panels, for the marks of their axis.
const MARKS_WIDTH: u32 = 100;

/// Longer names are cut.
const NAME_COLUMNS: usize = 32;
const TITLE_COLUMNS: usize = 150;

/// How many panels of time, and lines in each, there may be; what is beyond is counted in the title.
const PANELS_MAX: usize = 8;

/// How many values of a time line are looked at; a run of ours has some ten.
const NAMES_MAX: usize = 64;

/// More points than pixels cannot be seen.
const POINTS_MAX: usize = 1_000;

/// Lines of one unit share a panel while none is so many times larger than another that the smaller one is flat.
const SHARED_SCALE: f64 = 20.0;

/// No run is longer, in seconds.
const TIME_MAX: f64 = 1e9;

/// Colour and dashes (length and space in pixels; no space is no dash). Told apart by either.
const STYLES: [(RGBColor, i32, i32); 6] = [
    (RGBColor(0, 90, 170), 1, 0),
    (RGBColor(200, 80, 0), 9, 5),
    (RGBColor(0, 130, 100), 2, 4),
    (RGBColor(150, 60, 130), 18, 5),
    (RGBColor(90, 90, 90), 5, 12),
    (RGBColor(170, 130, 0), 3, 2),
];

/// Why there is no picture.
#[derive(Debug)]
pub(crate) enum PlotError {
    /// The file cannot be written.
    Io { path: PathBuf, error: io::Error },
    /// The drawing library refused, which no report should make it do.
    Drawing { message: String },
}

impl fmt::Display for PlotError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(formatter, "{}: {error}", path.display()),
            Self::Drawing { message } => write!(formatter, "the picture cannot be drawn: {message}"),
        }
    }
}

impl std::error::Error for PlotError {}

type DrawingError = DrawingAreaErrorKind<io::Error>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws a run into a file.
///
/// # Errors
///
/// The file cannot be written.
pub(crate) fn draw(report: &Report, path: &Path) -> Result<(), PlotError> {
    let picture = svg(report)?;
    fs::write(path, picture).map_err(|error| PlotError::Io { path: path.into(), error })
}

fn svg(report: &Report) -> Result<String, PlotError> {
    let mut picture = String::new();
    draw_all(report, &mut picture).map_err(|error| PlotError::Drawing { message: error.to_string() })?;
    Ok(picture)
}

fn draw_all(report: &Report, picture: &mut String) -> Result<(), DrawingError> {
    let (panels, left_out) = panels(report);
    let left_out = left_out + latencies(report).count().saturating_sub(STYLES.len());
    let height = TITLE_HEIGHT + PERCENTILES_HEIGHT + PANEL_HEIGHT * panels.len() as u32;
    let root = SVGBackend::with_string(picture, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    title(&root, report, left_out)?;
    let (_, rest) = root.split_vertically(TITLE_HEIGHT);
    let (top, mut rest) = rest.split_vertically(PERCENTILES_HEIGHT);
    percentiles(&root, &top, report)?;
    let time = time_axis(report);
    for panel in &panels {
        let (area, below) = rest.split_vertically(PANEL_HEIGHT);
        panel.draw(&root, &area, time.clone())?;
        rest = below;
    }
    root.present()
}

fn title(root: &Area<'_>, report: &Report, left_out: usize) -> Result<(), DrawingError> {
    let seconds = Unit::Time { micros: 1_000_000 };
    let mut doubts = Vec::new();
    if report.generator.was_the_limit {
        doubts.push("the load generator was probably the limit".to_string());
    }
    for (count, what) in
        [(report.failures.len(), "failures"), (report.warnings.len(), "warnings"), (left_out, "lines not drawn")]
    {
        if count > 0 {
            doubts.push(format!("{what}: {count}"));
        }
    }
    let lines = [
        format!("{}: {}", report.scenario, report.url),
        format!(
            "{}, {} measured, selvedge-load {}",
            date_text(report.started_unix_s),
            seconds.text(report.measured_s),
            report.version
        ),
        report.machine.to_string(),
        doubts.join("; "),
    ];
    for (position, line) in lines.iter().enumerate() {
        let style =
            if position == 0 { ("sans-serif", 22, FontStyle::Bold) } else { ("sans-serif", 15, FontStyle::Normal) };
        let y = if position == 0 { 10 } else { 20 + 18 * position as i32 };
        root.draw(&Text::new(printable(line, TITLE_COLUMNS), (16, y), style.into_font()))?;
    }
    Ok(())
}

/// Those of which there is something to draw.
fn latencies(report: &Report) -> impl Iterator<Item = &Latency> {
    report.latencies.iter().filter(|latency| latency.count > 0)
}

fn percentiles(root: &Area<'_>, area: &Area<'_>, report: &Report) -> Result<(), DrawingError> {
    let lines: Vec<Line> = latencies(report)
        .take(STYLES.len())
        .map(|latency| {
            let every = latency.curve.len().div_ceil(POINTS_MAX).max(1);
            let point = |(percentile, us): &(f64, u64)| (*percentile, (*us as f64).clamp(LOGARITHM_MIN, VALUE_MAX));
            let on_axis = |(percentile, _): &&(f64, u64)| (0.0..=99.999).contains(percentile);
            let points: Vec<(f64, f64)> = latency.curve.iter().filter(on_axis).step_by(every).map(point).collect();
            let name = printable(&latency.name, NAME_COLUMNS - 14);
            Line { name: format!("{name}, max {}", MICROSECONDS.text(latency.max_us as f64)), runs: vec![points] }
        })
        .collect();
    let highest = lines.iter().flat_map(Line::points).map(|(percentile, _)| percentile).fold(0.0, f64::max);
    let Some((low, high)) = bounds(&lines) else {
        return area.draw(&Text::new("no latencies", (16, 20), ("sans-serif", 15).into_font()));
    };
    let panel = Panel { title: "Latency by percentile".into(), y: Axis::logarithm(low, high, MICROSECONDS), lines };
    panel.draw(root, area, Axis::percentile(highest))
}

/// What is drawn on one pair of axes.
struct Panel {
    title: String,
    y: Axis,
    lines: Vec<Line>,
}

struct Line {
    name: String,
    /// Parts between which there was nothing to say.
    runs: Vec<Vec<(f64, f64)>>,
}

impl Line {
    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.runs.iter().flatten().copied()
    }

    fn highest(&self) -> f64 {
        self.points().map(|(_, value)| value).fold(0.0, f64::max)
    }
}

fn bounds(lines: &[Line]) -> Option<(f64, f64)> {
    let values = || lines.iter().flat_map(Line::points).map(|(_, value)| value);
    let low = values().reduce(f64::min)?;
    Some((low, values().reduce(f64::max)?))
}

fn time_axis(report: &Report) -> Axis {
    let times = || report.timeline.iter().map(|moment| moment.at_s).filter(|at| at.abs() < TIME_MAX);
    let (low, high) = (times().fold(0.0, f64::min), times().fold(0.0, f64::max));
    Axis::linear(low, high, Unit::Time { micros: 1_000_000 })
}

/// The panels below, and how many lines there was no room for.
fn panels(report: &Report) -> (Vec<Panel>, usize) {
    let mut names: Vec<&String> = report.timeline.iter().flat_map(|moment| moment.values.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let unread = names.len().saturating_sub(NAMES_MAX);
    names.truncate(NAMES_MAX);
    let mut lines: Vec<(Unit, Line)> = names.into_iter().map(|name| (Unit::of(name), line(report, name))).collect();
    lines.retain(|(_, line)| line.points().next().is_some());
    let drawable = lines.len();
    lines.sort_by(|(unit, line), (other_unit, other)| {
        unit.cmp(other_unit).then(other.highest().total_cmp(&line.highest()))
    });
    let mut groups: Vec<(Unit, Vec<Line>)> = Vec::new();
    for (unit, line) in lines {
        match groups.last_mut() {
            Some((of, together)) if *of == unit && fits(unit, together, &line) => together.push(line),
            Some(_) | None => groups.push((unit, vec![line])),
        }
    }
    groups.truncate(PANELS_MAX);
    let drawn: usize = groups.iter().map(|(_, lines)| lines.len()).sum();
    let panels = groups.into_iter().map(|(unit, lines)| panel(unit, lines)).collect();
    (panels, drawable - drawn + unread)
}

fn fits(unit: Unit, together: &[Line], line: &Line) -> bool {
    // Latencies are on a logarithmic axis, where none is flat.
    let same_scale = match unit {
        Unit::Time { .. } => true,
        Unit::PerSecond | Unit::Bytes | Unit::Percent | Unit::Ratio | Unit::Count => {
            together.first().is_none_or(|first| line.highest() * SHARED_SCALE >= first.highest())
        }
    };
    same_scale && together.len() < STYLES.len()
}

fn panel(unit: Unit, lines: Vec<Line>) -> Panel {
    let (low, high) = bounds(&lines).unwrap_or((0.0, 1.0));
    let y = match unit {
        Unit::Time { .. } => Axis::logarithm(low, high, unit),
        Unit::PerSecond | Unit::Bytes | Unit::Percent | Unit::Ratio | Unit::Count => Axis::from_zero(low, high, unit),
    };
    Panel { title: format!("Over time: {}", unit.title()), y, lines }
}

/// One value over time, with a gap where it is not told.
fn line(report: &Report, name: &str) -> Line {
    let every = report.timeline.len().div_ceil(POINTS_MAX).max(1);
    let mut runs = vec![Vec::new()];
    for moments in report.timeline.chunks(every) {
        // Of moments that share a pixel the highest is shown: a stall must not vanish.
        let told = moments
            .iter()
            .filter(|moment| moment.at_s.abs() < TIME_MAX)
            .filter_map(|moment| Some((moment.at_s, *moment.values.get(name)?)))
            .filter(|(_, value)| value.abs() <= VALUE_MAX)
            .max_by(|(_, one), (_, other)| one.total_cmp(other));
        match (told, runs.last_mut()) {
            (Some(point), Some(run)) => run.push(point),
            (None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
            (None | Some(_), _) => {}
        }
    }
    runs.retain(|run| !run.is_empty());
    Line { name: printable(name, NAME_COLUMNS), runs }
}

impl Panel {
    fn draw(&self, root: &Area<'_>, area: &Area<'_>, x: Axis) -> Result<(), DrawingError> {
        let (left, right) = (x.low(), x.high());
        let mut chart = ChartBuilder::on(area)
            .margin_top(6)
            .margin_bottom(6)
            .margin_right(NAMES_WIDTH)
            .caption(&self.title, ("sans-serif", 16))
            .set_label_area_size(LabelAreaPosition::Left, MARKS_WIDTH)
            .set_label_area_size(LabelAreaPosition::Bottom, 28)
            .build_cartesian_2d(x, self.y.clone())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .axis_style(BLACK.mix(0.6))
            .label_style(("sans-serif", 14))
            .draw()?;
        if left < 0.0 && right > 0.0 {
            // What is left of it is from before the measured part.
            let begin = [(0.0, self.y.low()), (0.0, self.y.high())];
            chart.draw_series([PathElement::new(begin, BLACK.mix(0.5))])?;
        }
        let mut names = Vec::new();
        for (line, style) in self.lines.iter().zip(STYLES) {
            let (colour, dash, space) = style;
            for run in &line.runs {
                if space == 0 {
                    chart.draw_series(LineSeries::new(run.iter().copied(), colour.stroke_width(2)))?;
                } else {
                    let points = run.iter().copied();
                    chart.draw_series(DashedLineSeries::new(points, dash, space, colour.stroke_width(2)))?;
                }
            }
            if let Some(last) = line.points().last() {
                let (x, y) = chart.plotting_area().map_coordinate(&last);
                names.push(Name { text: &line.name, end: (x, y), y, style });
            }
        }
        let (_, bottom) = chart.plotting_area().map_coordinate(&(right, self.y.low()));
        spread(&mut names, bottom);
        names.iter().try_for_each(|name| name.draw(root))
    }
}

/// The name of a line, beside its end.
struct Name<'a> {
    text: &'a str,
    /// Of the line.
    end: (i32, i32),
    y: i32,
    style: (RGBColor, i32, i32),
}

/// Moves names apart that would cover each other, none below `bottom`.
fn spread(names: &mut [Name<'_>], bottom: i32) {
    names.sort_by_key(|name| name.y);
    let mut lowest = i32::MIN;
    for name in names.iter_mut() {
        name.y = name.y.max(lowest);
        lowest = name.y + NAME_HEIGHT;
    }
    let mut highest = bottom;
    for name in names.iter_mut().rev() {
        name.y = name.y.min(highest);
        highest = name.y - NAME_HEIGHT;
    }
}

impl Name<'_> {
    fn draw(&self, root: &Area<'_>) -> Result<(), DrawingError> {
        /// Where the sample of the line begins and ends, from the right of the panels.
        const SAMPLE: (i32, i32) = (14, 50);
        let panel_end = (WIDTH - NAMES_WIDTH) as i32;
        let (colour, dash, space) = self.style;
        let sample = [(panel_end + SAMPLE.0, self.y), (panel_end + SAMPLE.1, self.y)];
        // From the line's end to its name, thin.
        root.draw(&PathElement::new([self.end, (panel_end, self.end.1), sample[0]], BLACK.mix(0.25)))?;
        if space == 0 {
            root.draw(&PathElement::new(sample, colour.stroke_width(2)))?;
        } else {
            root.draw(&DashedPathElement::new(sample, dash, space, colour.stroke_width(2)))?;
        }
        let text_at = (panel_end + SAMPLE.1 + 6, self.y - 8);
        root.draw(&Text::new(self.text.to_string(), text_at, ("sans-serif", 14).into_font()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::report::Moment;
    use crate::sample;

    fn texts(picture: &str) -> Vec<String> {
        let inner = |text: &str| Some(text.split_once('>')?.1.split_once("</text>")?.0.trim().to_string());
        picture.split("<text").skip(1).filter_map(inner).collect()
    }

    #[test]
    fn a_picture_says_what_it_shows() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("run.svg");
        draw(&sample::edit(), &path).expect("it can be drawn");
        let picture = fs::read_to_string(&path).expect("it was written");
        assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
        let texts = texts(&picture);
        for expected in [
            "edit: ws://127.0.0.1:35211",
            "2026-11-21 04:33:17 UTC, 60.0 s measured, selvedge-load 0.1.0 (2b4a7eb5d3aa)",
            "Intel(R) Xeon(R) Processor, 4 CPUs, 23.6 GiB, kernel 6.18.44",
            "acknowledgement, max 560 ms",
            "delivery, max 133 ms",
            "50",
            "99.99",
            "1 ms",
            "deliveries_per_second",
            "updates_per_second",
            "delivery_p99_us",
            "server_resident_bytes",
        ] {
            assert!(texts.iter().any(|text| text == expected), "{expected}: {texts:#?}");
        }
    }

    #[test]
    fn lines_that_would_be_flat_get_a_panel_of_their_own() {
        let (panels, left_out) = panels(&sample::edit());
        let names: Vec<Vec<&str>> =
            panels.iter().map(|panel| panel.lines.iter().map(|line| line.name.as_str()).collect()).collect();
        let expected: [&[&str]; 6] = [
            &["deliveries_per_second"],
            &["updates_per_second"],
            &["acknowledgement_p99_us", "delivery_p99_us"],
            &["server_resident_bytes"],
            &["server_cpu_percent"],
            &["connections"],
        ];
        assert_eq!(names, expected);
        assert_eq!(left_out, 0);
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let mut report = sample::edit();
        report.latencies = vec![report.latencies[0].clone(); STYLES.len() + 2];
        report.warnings = vec!["one".into()];
        let picture = svg(&report).expect("it can be drawn");
        let said = texts(&picture).into_iter().find(|text| text.contains("not drawn"));
        assert_eq!(said.as_deref(), Some("warnings: 1; lines not drawn: 2"));
    }

    #[test]
    fn a_gap_in_time_is_a_gap_in_the_line_and_a_stall_is_never_thinned_out() {
        let mut report = sample::edit();
        let told = |value: f64| BTreeMap::from([("a_us".to_string(), value)]);
        let value = |second: u32| match second {
            6_000 => told(9e6),
            2_000..3_000 => BTreeMap::new(),
            _ => told(5.0),
        };
        report.timeline = (0..10_000).map(|second| Moment { at_s: f64::from(second), values: value(second) }).collect();
        let line = line(&report, "a_us");
        assert_eq!(line.runs.len(), 2);
        assert!(line.points().count() <= POINTS_MAX);
        assert_eq!(line.highest(), 9e6);
    }

    #[test]
    fn names_do_not_cover_each_other() {
        let name = |y| Name { text: "", end: (0, y), y, style: STYLES[0] };
        let mut names = [name(100), name(95), name(99), name(20)];
        spread(&mut names, 110);
        assert_eq!(names.each_ref().map(|name| name.y), [20, 76, 93, 110]);
    }

    #[test]
    fn any_file_gives_a_picture_or_an_error() {
        let mut report = sample::edit();
        report.latencies[0].curve = vec![(f64::MAX, 0), (-1.0, u64::MAX), (50.0, u64::MAX), (99.0, 0), (99.0, 7)];
        report.latencies[1].curve = (0..50_000).map(|_| (10.0, 10)).collect();
        report.scenario = "</text><script>\u{1b}\0".repeat(100);
        report.generator.was_the_limit = true;
        for (position, at_s) in [f64::MAX, f64::MIN, 0.0, -0.0, 1e300].into_iter().enumerate() {
            let values = (0..100).map(|number| (format!("{number}\u{7}_bytes"), 10_f64.powi(number * 3))).collect();
            report.timeline.insert(position, Moment { at_s, values });
        }
        let picture = svg(&report).expect("it can be drawn");
        assert!(!picture.contains("<script") && !picture.contains('\0') && !picture.contains("NaN"));
        assert!(texts(&picture).iter().any(|text| text.contains("lines not drawn")), "{:?}", texts(&picture));
        report.latencies.clear();
        report.timeline.clear();
        let picture = svg(&report).expect("it can be drawn");
        assert!(texts(&picture).iter().any(|text| text == "no latencies"));
    }
}
