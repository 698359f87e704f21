use super::*;

fn event(map: u32, key: u32, count: u64) -> Keyed {
    Keyed { map, key: [key, 0], count }
}

fn key(name: &str) -> WorkloadKey {
    WorkloadKey { namespace: "shop".into(), kind: "CronJob".into(), name: name.into() }
}

/// What a workload has, by the name in its labels.
fn events(workloads: &Workloads, name: &str) -> Vec<Keyed> {
    let label = format!("workload=\"{name}\"");
    let found = workloads.iter().find(|counts| counts.labels.contains(&label));
    found.map(|counts| counts.events().to_vec()).unwrap_or_default()
}

#[test]
fn a_row_says_everything_once() {
    let mut told = Told::default();
    assert_eq!(told.grow(&[event(0, 0, 0), event(2, 9, 3)]), [event(0, 0, 0), event(2, 9, 3)]);
    assert_eq!(told.grow(&[event(0, 0, 0), event(2, 9, 3)]), []);
    assert_eq!(
        told.grow(&[event(0, 0, 1), event(2, 7, 1), event(2, 9, 5)]),
        [event(0, 0, 1), event(2, 7, 1), event(2, 9, 2)]
    );
    assert_eq!(told.grow(&[event(2, 9, 4)]), [], "what would step back does not");
    assert_eq!(told.grow(&[event(2, 9, 6)]), [event(2, 9, 1)]);
}

#[test]
fn what_two_rows_have_said_the_one_they_become_has_said() {
    let (mut outer, mut inner) = (Told::default(), Told::default());
    outer.grow(&[event(1, 0, 2)]);
    inner.grow(&[event(1, 0, 3), event(2, 4, 1)]);
    outer.merge(inner);
    assert_eq!(outer.grow(&[event(1, 0, 6), event(2, 4, 1)]), [event(1, 0, 1)]);
}

#[test]
fn short_lived_rows_make_one_line_that_rises() {
    let mut workloads = Workloads::default();
    for run in 1..=100_u32 {
        workloads.look();
        workloads.add(&key("tick"), f64::from(run), Told::default().grow(&[event(2, 0, 1)]));
        assert_eq!(events(&workloads, "tick"), [event(2, 0, run.into())]);
    }
    let counts = workloads.iter().next().expect("one");
    assert_eq!(counts.labels, r#"namespace="shop",workload="tick",workload_kind="CronJob""#);
    assert_eq!((counts.created, workloads.iter().count(), workloads.take_folded()), (1.0, 1, 0));
}

#[test]
fn beyond_the_bound_the_longest_idle_is_folded_and_else_the_new_one() {
    let mut workloads = Workloads::default();
    workloads.look();
    workloads.add(&key("first"), 1.0, vec![event(2, 0, 5)]);
    workloads.look();
    workloads.add(&key("second"), 1.0, vec![event(2, 0, 7)]);
    for at in 2..MOST {
        workloads.add(&key(&at.to_string()), 1.0, vec![event(2, 0, 1)]);
    }
    assert_eq!((workloads.iter().count(), workloads.take_folded()), (MOST, 0));
    // The first had no row in the look before, nor in this.
    workloads.look();
    workloads.add(&key("new"), 1.0, vec![event(2, 0, 1)]);
    assert_eq!(events(&workloads, "first"), []);
    assert_eq!(events(&workloads, OTHER), [event(2, 0, 5)]);
    assert_eq!(workloads.take_folded(), 5);
    // All others had one in the look before: they may have one still.
    workloads.add(&key("newer"), 1.0, vec![event(2, 0, 2)]);
    assert_eq!(events(&workloads, OTHER), [event(2, 0, 7)]);
    assert_eq!((workloads.iter().count(), workloads.take_folded()), (MOST + 1, 2));
    assert_eq!(events(&workloads, "second"), [event(2, 0, 7)], "which is known stays");
}

#[test]
fn beyond_the_bound_kinds_of_an_event_are_folded_and_their_sum_stays() {
    let mut workloads = Workloads::default();
    workloads.add(&key("web"), 1.0, (0..100).map(|code| event(2, code, 2)).collect());
    workloads.add(&key("web"), 1.0, vec![event(2, 3, 1), event(2, 99, 1), event(4, 99, 1)]);
    let all = events(&workloads, "web");
    assert_eq!(all.iter().filter(|event| event.map == 2).count(), MOST_KEYS + 1);
    assert_eq!(all.iter().map(|event| event.count).sum::<u64>(), 203);
    let folded = all.iter().find(|event| event.key == FOLDED).map(|event| event.count);
    assert_eq!((folded, workloads.take_folded()), (Some(73), 73));
    assert!(all.contains(&event(2, 3, 3)) && all.contains(&event(4, 99, 1)));
}
