use super::*;

fn web(started: f64, cpu_seconds: f64) -> [Container; 1] {
    let (started, cpu_seconds, cpus) = (Some(started), Some(cpu_seconds), Some(0.5));
    [Container { name: "web".to_owned(), started, cpu_seconds, cpus, ..Container::default() }]
}

#[test]
fn cpu_is_of_the_limit_and_since_the_last_run() {
    let mut first = web(5.0, 5.0);
    let kept = rates(&mut first, &Value::Null, 100.0);
    assert_eq!(first[0].cpu, None);
    let mut second = web(5.0, 7.0);
    let kept = rates(&mut second, &kept, 110.0);
    assert_eq!(second[0].cpu, Some(40.0), "2 s of 10 s, of half a CPU");
    let mut late = web(5.0, 8.0);
    rates(&mut late, &kept, 110.0 + LONGEST + 1.0);
    assert_eq!(late[0].cpu, None);
    let mut anew = web(6.0, 8.0);
    rates(&mut anew, &kept, 120.0);
    assert_eq!(anew[0].cpu, None);
}
