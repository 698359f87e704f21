//! `make demo`: containers that tell four stories, and what Prometheus, Alertmanager and Icinga make of them; each thing is
//! asked for by the API of whoever knows it, and said when it is there.

mod clock;
mod stage;
mod stories;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use clock::FASTER;
use stage::Stage;
use stories::{Cast, STORIES, Story};

/// Set by whoever wants it to end.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Longer than any step takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(150);

/// Tells all of it, with this exporter, and draws the dashboards into that directory. At a terminal it waits for a key before the
/// causes end, so that there is time to look.
pub fn tell(exporter: &Path, pages: &Path) -> Result<()> {
    say(
        "Starting Plimsoll, Prometheus, Alertmanager, Icinga 2, a mail server and a web server for what they tell …",
    )?;
    let stage = Stage::start(exporter)?;
    for line in stage.addresses() {
        say(&line)?;
    }
    say(&format!(
        "Time runs {FASTER} times faster here: an alert that waits for 5 minutes waits for {} s.",
        300 / FASTER
    ))?;
    let since = SystemTime::UNIX_EPOCH.elapsed()?.as_secs_f64();
    let mut cast = stories::begin()?;
    for story in &STORIES {
        begins(&stage, &mut cast, story)?;
    }
    let count = stage.draw(pages)?;
    say(&format!(
        "\n{count} dashboards are drawn in {}/*.html: a preview, without Grafana.",
        pages.display()
    ))?;
    if std::io::stdin().is_terminal() {
        say("\nAll of it goes on until you press Enter. Look around: the addresses are above.")?;
        enter()?;
    }
    say("\nThe causes end.")?;
    cast.end()?;
    for (story, number) in STORIES.iter().zip(1..) {
        ends(&stage, story)?;
        stage.picture(pages, number, story, since)?;
    }
    drop(stage);
    say("Everything has come back, and nothing is left running.")
}

fn begins(stage: &Stage, cast: &mut Cast, story: &Story) -> Result<()> {
    say(&format!("\n{}\n  {}", story.question, story.cause))?;
    say(&format!("  ask     {}\n          {}", story.query, stage.graph(story.query)?))?;
    let answer = until("the answer", || {
        cast.works_on()?;
        stage.answer(story)
    })?;
    say(&format!("  answer  {answer}"))?;
    until("the alert", || Ok(stage.fires(story)?.then_some(())))?;
    say(&format!("  alert   {} fires in Prometheus, and Alertmanager has it", story.alert))?;
    until("mail and Slack of Alertmanager", || Ok(stage.alerted(story, "FIRING")))?;
    say("  told    Alertmanager wrote a mail, and to Slack")?;
    let red = until("the check", || stage.check(story, stage::CRITICAL))?;
    say(&format!("  check   {}", red.lines().next().unwrap_or_default()))?;
    until("mail, Slack and pager of Icinga", || stage.noticed(story, "PROBLEM", "CRITICAL"))?;
    say("  told    Icinga wrote a mail, to Slack and to the pager")
}

fn ends(stage: &Stage, story: &Story) -> Result<()> {
    until("the end of the alert", || Ok((!stage.fires(story)?).then_some(())))?;
    until("Alertmanager's word of it", || Ok(stage.alerted(story, "RESOLVED")))?;
    until("the check", || stage.check(story, stage::OK))?;
    until("Icinga's word of it", || stage.noticed(story, "RECOVERY", "OK"))?;
    say(&format!("  {}: {} is resolved, the check is OK, and all were told.", story.container, story.alert))
}

/// Asks until there is an answer.
fn until<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if INTERRUPTED.load(Ordering::SeqCst) {
            bail!("interrupted");
        }
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        ensure!(Instant::now() < end, "not within {} s: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Waits for a line at the terminal. Reading it would go on after a signal, too.
fn enter() -> Result<()> {
    let (stdin, step) = (std::io::stdin(), Timespec { tv_sec: 0, tv_nsec: 250_000_000 });
    while !INTERRUPTED.load(Ordering::SeqCst) {
        if matches!(poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&step)), Ok(1)) {
            stdin.lock().read_line(&mut String::new())?;
            return Ok(());
        }
    }
    bail!("interrupted")
}

fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
