//! Draws the town: an uneven grid with arterials, one-way streets, missing pieces, a diagonal.

use super::{Junction, Street, StreetClass, Town};
use crate::{dice::Dice, simulate::plane::Point};

/// Avenues (north-south) and streets (east-west): about 10.5 km by 10.5 km of blocks.
const COLUMNS: usize = 52;
const ROWS: usize = 60;
/// Sizes of blocks in metres.
const COLUMN_WIDTH: (f64, f64) = (150.0, 250.0);
const ROW_HEIGHT: (f64, f64) = (130.0, 220.0);
/// How far a junction lies off its grid lines, in metres.
const JITTER: f64 = 12.0;
/// How far the avenues bend, in metres.
const BEND: f64 = 180.0;
/// Of residential streets: those that are one-way, and the blocks that miss.
const ONE_WAY: f64 = 0.35;
const MISSING: f64 = 0.05;
/// Sets the town's draws apart from those of the vehicles under the same seed.
const STREAM: u64 = 2 << 40;

/// A grid line: its class, and whether it may be driven up (towards growing numbers) and down.
#[derive(Clone, Copy)]
struct Line {
    class: StreetClass,
    up: Way,
    down: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    Closed,
}

pub(super) fn build(seed: u64) -> Town {
    let mut dice = Dice::new(seed, STREAM);
    let points = draw_points(&mut dice);
    let mut links = draw_grid(&mut dice);
    links.extend(diagonal());
    keep_connected(&mut links);
    links.sort_unstable_by_key(|(from, to, _)| (*from, *to));
    let mut first_street = vec![0; points.len() + 1];
    for (from, ..) in &links {
        first_street[from.0 as usize + 1] += 1;
    }
    for at in 1..first_street.len() {
        first_street[at] += first_street[at - 1];
    }
    let mut inhabited: Vec<_> = links.iter().map(|(from, ..)| *from).collect();
    inhabited.dedup();
    let streets = links
        .into_iter()
        .map(|link| straight(link, &points))
        .collect();
    Town {
        points,
        streets,
        first_street,
        inhabited,
    }
}

fn junction(column: usize, row: usize) -> Junction {
    Junction((column * ROWS + row) as u32)
}

fn draw_points(dice: &mut Dice) -> Vec<Point> {
    let mut running = |count: usize, (low, high): (f64, f64)| {
        let mut at = 0.0;
        let mut lines = Vec::with_capacity(count);
        for _ in 0..count {
            lines.push(at);
            at += dice.between(low, high);
        }
        lines
    };
    let easts = running(COLUMNS, COLUMN_WIDTH);
    let norths = running(ROWS, ROW_HEIGHT);
    let mut points = Vec::with_capacity(COLUMNS * ROWS);
    for east in &easts {
        for north in &norths {
            points.push(Point {
                east: east + BEND * (north / 2_500.0).sin() + dice.between(-JITTER, JITTER),
                north: north + dice.between(-JITTER, JITTER),
            });
        }
    }
    points
}

type Link = (Junction, Junction, StreetClass);

fn draw_grid(dice: &mut Dice) -> Vec<Link> {
    let columns = draw_lines(COLUMNS, dice);
    let rows = draw_lines(ROWS, dice);
    let mut links = Vec::new();
    for (column, line) in columns.iter().enumerate() {
        for row in 1..ROWS {
            draw_block(
                *line,
                (junction(column, row - 1), junction(column, row)),
                dice,
                &mut links,
            );
        }
    }
    for (row, line) in rows.iter().enumerate() {
        for column in 1..COLUMNS {
            draw_block(
                *line,
                (junction(column - 1, row), junction(column, row)),
                dice,
                &mut links,
            );
        }
    }
    links
}

/// Every sixth line or so is an arterial, and one in the middle third an expressway.
fn draw_lines(count: usize, dice: &mut Dice) -> Vec<Line> {
    let expressway = count / 3 + dice.below(count / 3);
    let mut next_arterial = dice.below(5);
    let mut lines = Vec::with_capacity(count);
    for at in 0..count {
        let class = if at == expressway {
            StreetClass::Expressway
        } else if at >= next_arterial {
            next_arterial = at + 5 + dice.below(3);
            StreetClass::Arterial
        } else {
            StreetClass::Residential
        };
        let one_way = class == StreetClass::Residential && dice.chance(ONE_WAY);
        let (up, down) = match (one_way, at % 2) {
            (false, _) => (Way::Open, Way::Open),
            (true, 0) => (Way::Open, Way::Closed),
            (true, _) => (Way::Closed, Way::Open),
        };
        lines.push(Line { class, up, down });
    }
    lines
}

fn draw_block(
    line: Line,
    (low, high): (Junction, Junction),
    dice: &mut Dice,
    links: &mut Vec<Link>,
) {
    if line.class == StreetClass::Residential && dice.chance(MISSING) {
        return;
    }
    if line.up == Way::Open {
        links.push((low, high, line.class));
    }
    if line.down == Way::Open {
        links.push((high, low, line.class));
    }
}

/// An arterial from the north-east to the middle of the south, across the grid.
fn diagonal() -> impl Iterator<Item = Link> {
    (1..COLUMNS.min(ROWS) - 8).flat_map(|step| {
        let ends = (
            junction(COLUMNS - 1 - step, ROWS - 2 - step),
            junction(COLUMNS - step, ROWS - 1 - step),
        );
        [
            (ends.0, ends.1, StreetClass::Arterial),
            (ends.1, ends.0, StreetClass::Arterial),
        ]
    })
}

/// Keeps the largest part in which every junction can be reached from every other.
fn keep_connected(links: &mut Vec<Link>) {
    let ahead = neighbours(links.iter().map(|(from, to, _)| (*from, *to)));
    let back = neighbours(links.iter().map(|(from, to, _)| (*to, *from)));
    let mut known = vec![false; COLUMNS * ROWS];
    let mut largest = (0, Vec::new());
    for start in 0..known.len() {
        if known[start] {
            continue;
        }
        let (ahead, back) = (reachable(start, &ahead), reachable(start, &back));
        let part: Vec<_> = ahead
            .iter()
            .zip(&back)
            .map(|(to, fro)| *to && *fro)
            .collect();
        for (known, is_part) in known.iter_mut().zip(&part) {
            *known |= is_part;
        }
        let size = part.iter().filter(|is_part| **is_part).count();
        if size > largest.0 {
            largest = (size, part);
        }
    }
    let (_, kept) = largest;
    links.retain(|(from, to, _)| kept[from.0 as usize] && kept[to.0 as usize]);
}

fn neighbours(links: impl Iterator<Item = (Junction, Junction)>) -> Vec<Vec<usize>> {
    let mut neighbours = vec![Vec::new(); COLUMNS * ROWS];
    for (from, to) in links {
        neighbours[from.0 as usize].push(to.0 as usize);
    }
    neighbours
}

fn reachable(start: usize, neighbours: &[Vec<usize>]) -> Vec<bool> {
    let mut reached = vec![false; neighbours.len()];
    reached[start] = true;
    let mut todo = vec![start];
    while let Some(junction) = todo.pop() {
        for next in &neighbours[junction] {
            if !std::mem::replace(&mut reached[*next], true) {
                todo.push(*next);
            }
        }
    }
    reached
}

fn straight((from, to, class): Link, points: &[Point]) -> Street {
    let (start, end) = (points[from.0 as usize], points[to.0 as usize]);
    let length = start.distance(end);
    let (east, north) = (
        (end.east - start.east) / length,
        (end.north - start.north) / length,
    );
    let degrees = east.atan2(north).to_degrees().rem_euclid(360.0);
    let heading_cdeg = (degrees * 100.0) as u32 % 36_000;
    Street {
        from,
        to,
        class,
        length,
        east,
        north,
        heading_cdeg,
    }
}
