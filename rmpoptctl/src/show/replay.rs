// SPDX-License-Identifier: GPL-2.0

//! The full screen of `replay`.

use super::{
    grid::LABEL,
    style::{count, percent, Style},
    time::{span, utc},
    timeline::{self, label, ABOVE},
    watch::cells,
};
use crate::{
    cmd::replay::Model,
    collect::{list::List, record::State},
};
use ratatui::{
    layout::{Constraint, Layout},
    style::{Modifier, Style as Look},
    text::{Line, Span},
    widgets::{Block, Paragraph, Wrap},
    Frame,
};

const KEYS: &str = " q quit  arrows move, scroll  + - time  ] [ memory  0 all  r read again";

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, model: &Model, style: Style) {
    let width = usize::from(frame.area().width).saturating_sub(2);
    let text = timeline::picture(&model.timeline, Style { colour: false }, width);
    let mut lines: Vec<Line<'_>> = text.lines().map(|line| cells(line, style)).collect();
    mark(&mut lines, model, timeline::zoom(&model.timeline, width));
    let [picture, below, keys] = Layout::vertical([
        Constraint::Min(3),
        Constraint::Length(5),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let title = format!(" {} ", model.name);
    frame.render_widget(
        Paragraph::new(lines).block(Block::bordered().title(title)),
        picture,
    );
    let moment = match &model.error {
        Some(error) => error.clone(),
        None => moment(model),
    };
    frame.render_widget(
        Paragraph::new(moment)
            .wrap(Wrap { trim: false })
            .block(Block::bordered().title(" at the cursor ")),
        below,
    );
    let look = Look::default().add_modifier(Modifier::REVERSED);
    frame.render_widget(Paragraph::new(KEYS).style(look), keys);
}

/// The cursor's cell, and its column in the scale.
fn mark(lines: &mut [Line<'_>], model: &Model, zoom: usize) {
    let (column, row) = model.cursor;
    let Some(line) = lines.get_mut(ABOVE + row) else {
        return;
    };
    // A span is a character: see cells().
    let spans = line.spans.iter_mut().skip(LABEL + 1 + column * zoom);
    for cell in spans.take(zoom) {
        *cell = Span::styled("╳", cell.style.add_modifier(Modifier::BOLD));
    }
}

/// The cell in numbers, and all of memory at that moment.
fn moment(model: &Model) -> String {
    let (column, row) = model.cursor;
    let timeline = &model.timeline;
    let Some((span_of, part)) = timeline.columns.get(column).zip(timeline.rows.get(row)) else {
        return String::new();
    };
    let cell = span_of.cells.get(row).copied().unwrap_or_default();
    let share = match (cell.of_ms, part.ram_gib) {
        (0, 0) => "no RAM".to_owned(),
        (0, _) => "not read".to_owned(),
        (of, _) => percent(cell.pair_ms, of),
    };
    format!(
        "+{} to +{}, {}\nGiB {}: {share}\n{}",
        span(span_of.from_ms),
        span(span_of.until_ms),
        utc(timeline.began_ms.saturating_add(span_of.from_ms)),
        label(part),
        all(&model.state)
    )
}

/// One line for all of memory.
fn all(state: &State) -> String {
    if state.gibs.is_empty() {
        return "all memory: not read".to_owned();
    }
    let where_on = |on: fn(u64, u64) -> bool| {
        let gibs = state.gibs.iter().filter(|gib| on(gib.on, state.cores));
        List::of(gibs.map(|gib| gib.gib))
    };
    let (on_all, none) = (where_on(|on, cores| on >= cores), where_on(|on, _| on == 0));
    let rest = where_on(|on, cores| on > 0 && on < cores);
    let some = match rest.is_empty() {
        true => String::new(),
        false => format!("; on some: {rest}"),
    };
    format!(
        "on all {}: GiB {on_all}; on none: {none}{some}",
        count(state.cores, "core", "cores")
    )
}
