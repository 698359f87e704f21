use super::*;

fn answer(headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { headers, body: body.to_vec(), ..Answer::default() }
}

#[test]
fn the_state_is_what_the_server_says() {
    let health =
        |status| said(&answer(&[(":status", "200"), ("grpc-status", "0")], &[0, 0, 0, 0, 2, 8, status]));
    assert_eq!(health(1), (State::Ok, "is SERVING".to_owned()));
    assert_eq!(health(2), (State::Critical, "is NOT_SERVING".to_owned()));
    assert_eq!(health(0), (State::Unknown, "is UNKNOWN".to_owned()));
    assert_eq!(health(3), (State::Unknown, "is SERVICE_UNKNOWN".to_owned()));
    assert_eq!(health(9), (State::Critical, "answers with no health".to_owned()));
    let grpc =
        |code: &str| said(&answer(&[(":status", "200"), ("grpc-status", code), ("grpc-message", "m")], b""));
    assert_eq!(grpc("5").0, State::Unknown);
    assert_eq!(grpc("12").0, State::Unknown);
    assert_eq!(grpc("14"), (State::Critical, "answers with gRPC status 14 m".to_owned()));
    let http = said(&answer(&[(":status", "502")], b""));
    assert_eq!(http, (State::Critical, "answers with HTTP status 502".to_owned()));
    assert_eq!(said(&answer(&[(":status", "200")], b"")).1, "answers without a gRPC status");
    assert_eq!(said(&answer(&[], b"")).1, "answers without a status");
}

#[test]
fn the_line_names_the_service_and_has_the_time() {
    let mut call = Call::new(
        &CHECK,
        "check_grpc_health",
        ["-H", "::1", "-s", "x.Y", "-w", "1", "-c", "2:", "-S", "-k", "A: b"]
            .iter()
            .map(Into::into)
            .collect(),
    );
    let config = Config::read(&mut call).unwrap();
    let fine = answer(&[(":status", "200"), ("grpc-status", "0")], &[0, 0, 0, 0, 2, 8, 1]);
    assert_eq!(
        judge(&config, 10, &fine, 2.5).render(),
        "GRPC WARNING - x.Y is SERVING in 2.500 seconds|time=2.500000s;1;2:;0.000000;10.000000\n"
    );
    let request = config.request();
    assert_eq!((request.scheme, request.authority.as_str()), ("https", "[::1]:50051"));
    assert_eq!(request.headers.last(), Some(&("a".to_owned(), "b".to_owned())));
}
