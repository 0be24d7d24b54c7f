// SPDX-License-Identifier: GPL-2.0

//! The full screen of `watch`.

use super::style::{bar, count, percent, Style};
use crate::cmd::watch::Model;
use ratatui::{
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style as Look},
    text::{Line, Span},
    widgets::{Block, Paragraph},
    Frame,
};

const KEYS: &str = " q quit  space pause  m nodes or cores  g guests  + - seconds  r read now";

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, model: &Model, style: Style) {
    let width = usize::from(frame.area().width).saturating_sub(2);
    let map = super::heat::picture(&model.map, Style { colour: false }, width);
    let lines: Vec<Line<'_>> = map.lines().map(|line| cells(line, style)).collect();
    let height = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .saturating_add(2);
    let [head, middle, below, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(height),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(header(model, style), head);
    let title = if model.paused {
        " map (paused) "
    } else {
        " map "
    };
    frame.render_widget(
        Paragraph::new(lines).block(Block::bordered().title(title)),
        middle,
    );
    let [left, right] =
        Layout::horizontal([Constraint::Length(38), Constraint::Min(10)]).areas(below);
    frame.render_widget(rates(model), left);
    if model.guests.is_some() {
        let [events_area, guests_area] =
            Layout::vertical([Constraint::Percentage(50), Constraint::Min(3)]).areas(right);
        frame.render_widget(events(model), events_area);
        frame.render_widget(guests(model, guests_area), guests_area);
    } else {
        frame.render_widget(events(model), right);
    }
    let look = Look::default().add_modifier(Modifier::REVERSED);
    frame.render_widget(Paragraph::new(KEYS).style(look), keys);
}

fn tone(style: Style, colour: Color) -> Look {
    match style.colour {
        true => Look::default().fg(colour),
        false => Look::default(),
    }
}

fn header(model: &Model, style: Style) -> Paragraph<'_> {
    if let Some(error) = &model.error {
        return Paragraph::new(error.as_str()).style(tone(style, Color::Red));
    }
    let Some(loaded) = &model.report.rmpopt else {
        return Paragraph::new("the module is not loaded").style(tone(style, Color::Red));
    };
    let all = &loaded.coverage.all;
    let warnings = match model.report.warnings.len() {
        0 => String::new(),
        n => format!(
            "; {} (rmpoptctl status)",
            count(to64(n), "warning", "warnings")
        ),
    };
    Paragraph::new(format!(
        " {}, kernel {}: {} optimised; {}{warnings}",
        loaded.module.role,
        model.report.kernel,
        percent(all.pairs, all.all_pairs),
        loaded.module.action
    ))
}

fn to64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// A line of the map in colours: a span for each character.
pub(super) fn cells(line: &str, style: Style) -> Line<'static> {
    let spans = line.chars().map(|c| {
        let colour = match c {
            '█' => Some(Color::Green),
            '▓' | '▒' | '░' => Some(Color::Yellow),
            '·' => Some(Color::Red),
            '┊' => Some(Color::DarkGray),
            _ => None,
        };
        let look = colour.map_or_else(Look::default, |colour| tone(style, colour));
        Span::styled(c.to_string(), look)
    });
    Line::from(spans.collect::<Vec<_>>())
}

fn rates(model: &Model) -> Paragraph<'_> {
    let rates = &model.rates;
    let mut lines = vec![
        format!(" conversions {:>12} /s", rates.conversions),
        format!(" regions     {:>12} /s", rates.attempted),
        format!(" RMPOPT      {:>12} /s", rates.instructions),
        format!(" passes      {:>12} ms/s", rates.busy_ms),
    ];
    if let Some(loaded) = &model.report.rmpopt {
        let delays = &loaded.stats.delays;
        let most = delays.iter().map(|delay| delay.regions).max().unwrap_or(0);
        if most != 0 {
            lines.push(" won back after, ms:".to_owned());
        }
        for delay in delays {
            let bar = bar(delay.regions, most, 12);
            lines.push(format!(" {:>8}- {bar} {}", delay.from_ms, delay.regions));
        }
    }
    let title = format!(" rates, every {} s ", model.interval);
    let lines: Vec<Line<'_>> = lines.into_iter().map(Line::from).collect();
    Paragraph::new(lines).block(Block::bordered().title(title))
}

fn events(model: &Model) -> Paragraph<'_> {
    let lines: Vec<Line<'_>> = model
        .events
        .iter()
        .map(|e| Line::from(format!(" {e}")))
        .collect();
    Paragraph::new(lines).block(Block::bordered().title(" events "))
}

/// As many GiBs as there is room for.
fn guests(model: &Model, area: Rect) -> Paragraph<'_> {
    let mut lines = Vec::new();
    if let Some(found) = &model.guests {
        lines.push(Line::from(format!(
            " {} held, {}",
            count(found.held_gib, "GiB", "GiB"),
            count(found.pages, "page", "pages")
        )));
        for machine in &found.machines {
            lines.push(Line::from(format!(
                " {} ({}, {})",
                machine.name, machine.by, machine.pid
            )));
        }
        let room = usize::from(area.height).saturating_sub(2 + lines.len());
        for region in found.regions.iter().take(room) {
            let share = bar(region.pages, 1 << 18, 12);
            lines.push(Line::from(format!(
                " GiB {:5} {share} {}",
                region.gib, region.pages
            )));
        }
    }
    Paragraph::new(lines).block(Block::bordered().title(" guests "))
}
