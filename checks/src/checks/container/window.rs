//! What grew within the last minutes: each run adds what grew since the one before, and looks back as far as it is told to.
//! Pure; where it is kept is a matter of `history`.

use serde_json::{Value, json};

use super::rows::{Row, Rows};

/// What was seen so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Sums at each run, the last one last.
    points: Vec<Point>,
    /// The rows of the last run.
    rows: Vec<Seen>,
}

/// What grew, and within how long. What no run told is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grown {
    /// The time between the two runs that are compared.
    pub seconds: f64,
    /// CPU seconds.
    pub cpu: Option<f64>,
    /// Processes killed for lack of memory.
    pub oom: Option<f64>,
    /// Connects that failed.
    pub connects: Option<f64>,
    /// Containers that were started in the place of another.
    pub restarts: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Point {
    at: f64,
    /// CPU, kills, connects.
    sums: [Option<f64>; 3],
    restarts: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct Seen {
    id: String,
    who: [String; 4],
    started: Option<f64>,
    counters: [Option<f64>; 3],
}

/// So many runs are remembered.
const MOST: usize = 512;

impl Window {
    /// One more run at this time; what grew since the last run before the window, or since the first there was.
    pub fn push(&mut self, rows: &Rows, now: f64, window: f64) -> Option<Grown> {
        let seen: Vec<Seen> = rows.all().map(|(id, row)| Seen::of(id, row, rows.is_top(id))).collect();
        // A clock that was set back begins anew.
        if self.points.last().is_some_and(|last| last.at >= now) {
            *self = Self::default();
        }
        let mut point = Point { at: now, ..self.points.last().copied().unwrap_or_default() };
        if let Some(last) = self.points.last().copied() {
            for one in &seen {
                self.add(&mut point, one, last.at);
            }
        } else {
            point.sums = [0, 1, 2].map(|at| seen.iter().any(|one| one.counters[at].is_some()).then_some(0.0));
        }
        let behind = self.points.iter().rposition(|point| point.at <= now - window).unwrap_or(0);
        self.points.drain(..behind);
        if self.points.len() >= MOST {
            self.points.remove(1);
        }
        let base = self.points.first().copied();
        self.points.push(point);
        self.rows = seen;
        base.map(|base| point.since(&base))
    }

    /// From what `to_json` gave; what is none of it is left out.
    pub fn of_json(value: &Value) -> Self {
        let list = |name: &str| value[name].as_array().cloned().unwrap_or_default();
        let points = list("points").iter().filter_map(Point::of_json).collect();
        Self { points, rows: list("rows").iter().filter_map(Seen::of_json).collect() }
    }

    /// For the file.
    pub fn to_json(&self) -> Value {
        let points: Vec<Value> =
            self.points.iter().map(|point| json!([point.at, point.sums, point.restarts])).collect();
        let rows: Vec<Value> =
            self.rows.iter().map(|row| json!([row.id, row.who, row.started, row.counters])).collect();
        json!({ "points": points, "rows": rows })
    }

    /// What of a row is new since the last run, at `last`.
    fn add(&self, point: &mut Point, one: &Seen, last: f64) {
        let before = self.rows.iter().find(|row| row.id == one.id);
        for (sum, (at, now)) in point.sums.iter_mut().zip(one.counters.iter().enumerate()) {
            let Some(now) = now else { continue };
            let more = match before.and_then(|before| before.counters[at]) {
                Some(before) if before <= *now => now - before,
                // It began at zero, after the last run.
                Some(_) => *now,
                None if one.started.is_some_and(|started| started >= last) => *now,
                None => 0.0,
            };
            *sum = Some(sum.unwrap_or_default() + more);
        }
        let anew = match before {
            Some(before) => one.started.zip(before.started).is_some_and(|(now, before)| now > before + 0.5),
            None => {
                self.rows.iter().any(|row| row.who == one.who && one.who.iter().any(|name| !name.is_empty()))
            }
        };
        point.restarts += f64::from(u8::from(anew));
    }
}

impl Point {
    fn since(&self, base: &Self) -> Grown {
        let grown = |at: usize| Some(self.sums[at]? - base.sums[at].unwrap_or_default());
        Grown {
            seconds: self.at - base.at,
            cpu: grown(0),
            oom: grown(1),
            connects: grown(2),
            restarts: self.restarts - base.restarts,
        }
    }

    fn of_json(value: &Value) -> Option<Self> {
        Some(Self { at: value[0].as_f64()?, sums: numbers(&value[1]), restarts: value[2].as_f64()? })
    }
}

impl Seen {
    fn of(id: &str, row: &Row, is_top: bool) -> Self {
        let counters = [row.cpu.filter(|_| is_top), row.oom, row.connects];
        Self { id: id.to_owned(), who: row.who.clone(), started: row.started, counters }
    }

    fn of_json(value: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let who = [0, 1, 2, 3].map(|at| text(&value[1][at]));
        let id = value[0].as_str()?.to_owned();
        Some(Self { id, who, started: value[2].as_f64(), counters: numbers(&value[3]) })
    }
}

fn numbers(value: &Value) -> [Option<f64>; 3] {
    [0, 1, 2].map(|at| value[at].as_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::container::rows::Selector;

    fn rows(page: &str) -> Rows {
        let mut selector = Selector::default();
        selector.add("pod", "x".to_owned());
        Rows::read(page, &selector)
    }

    fn row(id: &str, container: &str, started: u32, cpu: f64, oom: u32) -> String {
        let labels = format!("id=\"{id}\",pod=\"x\",container=\"{container}\"");
        format!(
            "container_start_time_seconds{{{labels}}} {started}\ncontainer_threads{{{labels}}} 1\n\
             container_cpu_usage_seconds_total{{{labels}}} {cpu}\ncontainer_oom_kills_total{{{labels}}} {oom}\n"
        )
    }

    #[test]
    fn what_grew_is_seen_until_the_window_is_over() {
        let mut window = Window::default();
        assert_eq!(window.push(&rows(&row("/a", "a", 5, 1.0, 7)), 100.0, 60.0), None);
        let grown = window.push(&rows(&row("/a", "a", 5, 2.0, 8)), 110.0, 60.0).unwrap();
        assert_eq!((grown.seconds, grown.cpu, grown.oom, grown.restarts), (10.0, Some(1.0), Some(1.0), 0.0));
        assert_eq!(grown.connects, None);
        let mut window = Window::of_json(&window.to_json());
        let grown = window.push(&rows(&row("/a", "a", 5, 2.0, 8)), 160.0, 60.0).unwrap();
        assert_eq!((grown.seconds, grown.oom), (60.0, Some(1.0)));
        let grown = window.push(&rows(&row("/a", "a", 5, 2.0, 8)), 170.0, 60.0).unwrap();
        assert_eq!((grown.seconds, grown.oom, grown.cpu), (60.0, Some(0.0), Some(0.0)));
        assert_eq!(window.push(&rows(&row("/a", "a", 5, 2.0, 8)), 165.0, 60.0), None, "set back");
    }

    #[test]
    fn a_start_in_the_place_of_another_is_a_restart() {
        let mut window = Window::default();
        window.push(&rows(&row("/a", "a", 5, 1.0, 1)), 100.0, 300.0);
        // The old one is still served for a while.
        let both = row("/a", "a", 5, 1.5, 1) + &row("/b", "a", 105, 3.0, 1);
        let grown = window.push(&rows(&both), 110.0, 300.0).unwrap();
        assert_eq!((grown.restarts, grown.cpu, grown.oom), (1.0, Some(3.5), Some(1.0)));
        let grown = window.push(&rows(&row("/b", "a", 105, 3.0, 1)), 120.0, 300.0).unwrap();
        assert_eq!((grown.restarts, grown.oom), (1.0, Some(1.0)));
        // The same cgroup, made again; and one that was not there before.
        let others = row("/b", "a", 125, 0.5, 0) + &row("/c", "c", 126, 0.0, 0);
        let grown = window.push(&rows(&others), 130.0, 300.0).unwrap();
        assert_eq!((grown.restarts, grown.cpu), (2.0, Some(4.0)));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut window = Window::default();
        for at in 0..2000 {
            window.push(&rows(&row("/a", "a", 5, f64::from(at), 0)), f64::from(at), 1e9);
        }
        assert_eq!(window.points.len(), MOST);
        let grown = window.push(&rows(&row("/a", "a", 5, 2000.0, 0)), 2000.0, 1e9).unwrap();
        assert_eq!((grown.seconds, grown.cpu), (2000.0, Some(2000.0)));
        assert_eq!(Window::of_json(&json!([1])), Window::default());
    }
}
