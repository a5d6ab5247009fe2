//! Attendance over the API and the command line: reports in each form, corrections by hand, logs of other doors.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, Executor};
use store::{Event, Micros, Profile, Store};

use crate::support::{Answer, Home, Service, client, photo};

const AT: &str = "/api/v1/attendance";
const NOVEMBER: &str = "from=2025-11-01&to=2025-11-30";

const SCHEDULE: &str = "
TIME_ZONE = \"Europe/Berlin\"
[[schedule]]
name = \"office\"
hours = \"mon-fri 09:00-17:30\"
grace_minutes = 5
groups = [\"staff\"]
";

/// A passage at `time` (RFC 3339).
fn event(number: u32, person: i64, direction: &str, time: &str) -> Event {
    let started_at = Micros(time.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let hex = format!("{:012x}", started_at.0 / 1000);
    Event {
        id: format!("{}-{}-7000-8000-{number:012x}", &hex[..8], &hex[8..]),
        person_id: Some(person),
        person: Some("obama".to_owned()),
        status: "PASS".to_owned(),
        reason: None,
        camera: format!("door-{direction}"),
        direction: Some(direction.to_owned()),
        node: "gate".to_owned(),
        track: None,
        distance: Some(0.3),
        raw_distance: None,
        quality: None,
        started_at,
        passed_at: None,
        last_seen_at: started_at,
        ended: true,
        has_face: false,
        has_frame: false,
        decision: "{}".to_owned(),
        door_group: None,
        visitor: None,
        face: None,
        correction: None,
    }
}

/// A service where obama, number 1007 among the staff, has worked for two days of November 2025: on Monday the 3rd from 09:12 to
/// 17:30, on the 4th from 08:55 to nobody knows when.
async fn two_days() -> (Home, Service, Vec<Event>) {
    // Older than EVENTS_DAYS nobody would be absent.
    let home = Home::new().with("EVENTS_DAYS", "0");
    std::fs::write(home.file("vultus.toml"), SCHEDULE).unwrap();
    let vultus = home.start(&["api"]).await;
    vultus.register("obama", photo("obama.jpg")).await.ok();
    let store = Store::open(&format!("sqlite:{}", home.file("vultus.db").display())).await.unwrap();
    let valid_from = Some(Micros("2025-11-03T00:00:00+01:00".parse::<jiff::Timestamp>().unwrap().as_microsecond()));
    let valid_until = Some(Micros("2025-11-06T00:00:00+01:00".parse::<jiff::Timestamp>().unwrap().as_microsecond()));
    let (code, groups) = (Some("1007".to_owned()), vec!["staff".to_owned()]);
    let profile = Profile { code, groups, valid_from, valid_until, ..Profile::default() };
    store.change_profile("obama", |held| *held = profile).await.unwrap();
    enrolled_long_ago(&home).await;
    let (id, _) = store.profile("obama").await.unwrap().unwrap();
    let events = vec![
        event(1, id.0, "in", "2025-11-03T09:12:05+01:00"),
        event(2, id.0, "in", "2025-11-03T09:12:40+01:00"),
        event(3, id.0, "out", "2025-11-03T17:30:00+01:00"),
        event(4, id.0, "in", "2025-11-04T08:55:00+01:00"),
    ];
    store.put_events(&events).await.unwrap();
    (home, vultus, events)
}

/// Of days before nobody can be absent.
async fn enrolled_long_ago(home: &Home) {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}", home.file("vultus.db").display());
    let mut connection = sqlx::AnyConnection::connect(&url).await.unwrap();
    connection.execute("UPDATE people SET created_at = 0").await.unwrap();
    connection.close().await.unwrap();
}

async fn send(vultus: &Service, method: Method, path: &str, body: &str) -> Answer {
    Answer::to(client().request(method, vultus.url(&format!("{AT}{path}"))).body(body.to_owned())).await
}

async fn say(vultus: &Service, body: Value) -> Answer {
    send(vultus, Method::POST, "/punches", &body.to_string()).await
}

/// obama's days.
async fn days(vultus: &Service) -> Vec<Value> {
    let report = vultus.get(&format!("{AT}?{NOVEMBER}")).await.ok();
    report["people"][0]["days"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_report_says_who_was_there_in_each_form_and_the_command_line_says_the_same() {
    let (home, vultus, events) = two_days().await;
    let report = vultus.get(&format!("{AT}?{NOVEMBER}&group=staff")).await.ok();
    assert_eq!((&report["from"], &report["time_zone"]), (&json!("2025-11-01"), &json!("Europe/Berlin")));
    let person = &report["people"][0];
    assert_eq!(
        (&person["code"], &person["schedule"], &person["present_minutes"]),
        (&json!("1007"), &json!("office"), &json!(497))
    );
    let [monday, tuesday, wednesday] = &person["days"].as_array().unwrap()[..] else { panic!("{person}") };
    assert_eq!(monday["first_in"], "2025-11-03T09:12:05+01:00");
    assert_eq!(monday["shift"], json!({"from": "2025-11-03T09:00:00+01:00", "to": "2025-11-03T17:30:00+01:00"}));
    assert_eq!(
        (&monday["present_minutes"], &monday["late_minutes"], &monday["complete"]),
        (&json!(497), &json!(12), &json!(true))
    );
    assert_eq!(monday["punches"].as_array().unwrap().len(), 2, "one was seen twice: {monday}");
    assert_eq!(monday["punches"][0]["event"], json!(events[0].id));
    assert_eq!(
        (&tuesday["last_out"], &tuesday["complete"], &tuesday["late_minutes"]),
        (&Value::Null, &json!(false), &json!(0))
    );
    assert_eq!((&wednesday["absent"], &wednesday["day"]), (&json!(true), &json!("2025-11-05")));

    let csv = vultus.get(&format!("{AT}.csv?{NOVEMBER}")).await.text;
    let expected = "day,person,code,schedule,shift_from,shift_to,first_in,last_out,present_minutes,late_minutes,left_early_minutes,absent,complete,by_hand\r\n\
        2025-11-03,obama,1007,office,2025-11-03T09:00:00+01:00,2025-11-03T17:30:00+01:00,2025-11-03T09:12:05+01:00,2025-11-03T17:30:00+01:00,497,12,0,false,true,false\r\n\
        2025-11-04,obama,1007,office,2025-11-04T09:00:00+01:00,2025-11-04T17:30:00+01:00,2025-11-04T08:55:00+01:00,,0,0,0,false,false,false\r\n\
        2025-11-05,obama,1007,office,2025-11-05T09:00:00+01:00,2025-11-05T17:30:00+01:00,,,0,0,0,true,true,false\r\n";
    assert_eq!(csv, expected);
    let rows = vultus.get(&format!("{AT}.attlog?{NOVEMBER}")).await.text;
    let expected = "1007\t2025-11-03 09:12:05\t0\t15\t0\n1007\t2025-11-03 17:30:00\t1\t15\t0\n1007\t2025-11-04 08:55:00\t0\t15\t0\n";
    assert_eq!(rows, expected);
    let elsewhere = vultus.get(&format!("{AT}.attlog?{NOVEMBER}&time_zone=America/New_York")).await.text;
    assert!(elsewhere.starts_with("1007\t2025-11-03 03:12:05\t0"), "{elsewhere}");

    let command = |more: &[&str]| {
        home.run(&[&["attendance", "--from", "2025-11-01", "--to", "2025-11-30"], more].concat()).succeeded()
    };
    assert_eq!(command(&["--csv"]), csv);
    assert_eq!(command(&["--attlog", "--person", "obama"]), rows);
    let told: Value = serde_json::from_str(&command(&["--json", "--group", "staff"])).unwrap();
    assert_eq!(told, report);
    let lines = command(&[]);
    assert!(lines.contains("2025-11-03  obama   09:12    17:30       8:17  late 12 min\n"), "{lines}");
    assert!(lines.contains("2025-11-05  obama   -        -           0:00  absent\n"), "{lines}");
    assert_eq!(command(&["--group", "nobody"]).lines().count(), 1);
    let said = home.run(&["attendance", "--person", "ghost"]).failed_with(1);
    assert!(said.contains("ghost"), "{said}");
}

#[tokio::test]
async fn a_correction_by_hand_counts_is_marked_and_can_be_taken_back() {
    let (_home, vultus, events) = two_days().await;
    let forgotten =
        json!({"person": "obama", "at": "2025-11-04 17:40", "direction": "out", "note": "forgot", "by": "HR"});
    let added = say(&vultus, forgotten.clone()).await;
    assert_eq!(added.status, 201, "{added:?}");
    let punch = added.json();
    assert_eq!(
        (&punch["at"], &punch["source"], &punch["by"]),
        (&json!("2025-11-04T17:40:00+01:00"), &json!("hand"), &json!("HR"))
    );
    let again = say(&vultus, json!({"person": "obama", "at": "2025-11-04T16:40:00Z", "direction": "out"})).await;
    assert_eq!((again.status, &again.json()["id"]), (200, &punch["id"]));
    let tuesday = &days(&vultus).await[1];
    assert_eq!(
        (&tuesday["present_minutes"], &tuesday["by_hand"], &tuesday["complete"]),
        (&json!(525), &json!(true), &json!(true))
    );

    // It was somebody else who left on Monday.
    let void = say(&vultus, json!({"event": events[2].id, "void": true, "note": "his brother"})).await;
    assert_eq!((void.status, &void.json()["void"]), (201, &json!(events[2].id)));
    let monday = &days(&vultus).await[0];
    assert_eq!(
        (&monday["last_out"], &monday["complete"], &monday["by_hand"]),
        (&Value::Null, &json!(false), &json!(true))
    );

    let path = format!("/punches/{}?note=it+was+him&by=HR", void.json()["id"]);
    let withdrawn = send(&vultus, Method::DELETE, &path, "").await.ok();
    assert_eq!((&withdrawn["withdrawn"]["note"], &withdrawn["withdrawn"]["by"]), (&json!("it was him"), &json!("HR")));
    let monday = &days(&vultus).await[0];
    assert_eq!((&monday["present_minutes"], &monday["by_hand"]), (&json!(497), &json!(false)));

    let listed = vultus.get(&format!("{AT}/punches?person=obama&limit=1")).await.ok();
    assert_eq!(listed["punches"][0]["void"], json!(events[2].id), "kept, and marked: {listed}");
    assert!(listed["punches"][0]["withdrawn"]["at"].is_string());
    let next = vultus.get(&format!("{AT}/punches?limit=1&cursor={}", listed["next"])).await.ok();
    assert_eq!((&next["punches"][0]["id"], &next["next"]), (&punch["id"], &Value::Null));
    let of_monday = vultus.get(&format!("{AT}/punches?from=2025-11-03&to=2025-11-03")).await.ok();
    assert_eq!(of_monday["punches"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_log_of_another_door_is_read_row_by_row_and_twice_is_once() {
    let (_home, vultus, _) = two_days().await;
    let log = "\u{feff}1007\t2025-11-04 17:45:00\t1\t1\t0\r\n\nwhatever\n4711\t2025-11-04 17:45:00\t1\t1\t0\n1007\t2025-11-04 25:00:00\t1\n";
    let read = send(&vultus, Method::POST, "/attlog", log).await.ok();
    assert_eq!((&read["added"], &read["known"], &read["refused"]), (&json!(1), &json!(0), &json!(3)));
    let results: Vec<_> =
        read["rows"].as_array().unwrap().iter().map(|row| (row["row"].clone(), row["error"].clone())).collect();
    let expected = [(1, Value::Null), (3, json!("bad_row")), (4, json!("unknown_person")), (5, json!("bad_row"))];
    assert_eq!(results, expected.map(|(row, error)| (json!(row), error)));
    let once = days(&vultus).await;
    assert_eq!((&once[1]["present_minutes"], &once[1]["by_hand"]), (&json!(530), &json!(false)));
    let again = send(&vultus, Method::POST, "/attlog", log).await.ok();
    assert_eq!((&again["added"], &again["known"]), (&json!(0), &json!(1)));
    assert_eq!(days(&vultus).await, once);
    // What is exported can be read in: nothing changes by it.
    let exported = vultus.get(&format!("{AT}.attlog?{NOVEMBER}")).await.text;
    assert_eq!(exported.lines().last(), Some("1007\t2025-11-04 17:45:00\t1\t1\t0"));
    send(&vultus, Method::POST, "/attlog", &exported).await.ok();
    assert_eq!(vultus.get(&format!("{AT}.attlog?{NOVEMBER}")).await.text, exported);
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_with_a_reason() {
    let (home, vultus, events) = two_days().await;
    let found = vultus.get(&format!("{AT}?person=%20obama%20")).await.ok();
    assert_eq!(found["people"][0]["person"], "obama");
    let said = home.run(&["attendance", "--from", "2025-11-16T10:00"]).failed_with(2);
    assert!(said.contains("a day is written as in 2026-11-01"), "{said}");
    for query in [
        "from=2025-11-30&to=2025-11-01",
        "from=2025-01-01&to=2026-01-02",
        "from=yesterday",
        "from=2025-11-01T00:00",
        "time_zone=Mars/Olympus",
        "perzon=obama",
    ] {
        assert_eq!(vultus.get(&format!("{AT}?{query}")).await.error(), "400 bad_parameter", "{query}");
    }
    assert_eq!(vultus.get(&format!("{AT}.csv?person=ghost")).await.error(), "404 unknown_name");
    for (body, error) in [
        ("{", "400 bad_json"),
        ("[]", "422 bad_punch"),
        (r#"{"person": "obama"}"#, "422 bad_punch"),
        (r#"{"person": "obama", "at": "2025-11-04"}"#, "422 bad_punch"),
        (r#"{"person": "obama", "at": -5}"#, "422 bad_punch"),
        (r#"{"person": "obama", "at": "2026"}"#, "422 bad_punch"),
        (r#"{"person": "obama", "at": "20261102"}"#, "422 bad_punch"),
        (r#"{"person": "obama", "at": "2999-11-02 17:30"}"#, "422 bad_punch"),
        (r#"{"person": "obama", "at": 1762274400, "note": "a\u001b[2Jb"}"#, "422 bad_punch"),
        (r#"{"person": "obama", "at": 1e300}"#, "422 bad_punch"),
        (r#"{"person": "obama", "at": 1762274400, "direction": "up"}"#, "422 bad_punch"),
        (r#"{"person": "obama", "at": 1762274400, "directoin": "in"}"#, "422 bad_punch"),
        (r#"{"person": "ghost", "at": 1762274400}"#, "404 unknown_name"),
        (r#"{"event": "7", "void": true}"#, "422 bad_punch"),
        (r#"{"event": "01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0", "void": true}"#, "404 unknown_event"),
    ] {
        assert_eq!(send(&vultus, Method::POST, "/punches", body).await.error(), error, "{body}");
    }
    let both = json!({"event": events[0].id, "void": true, "person": "obama", "at": 1_762_274_400});
    assert_eq!(say(&vultus, both).await.error(), "422 bad_punch");
    let long = json!({"person": "obama", "at": 1_762_274_400, "note": "x".repeat(501)});
    assert_eq!(say(&vultus, long).await.error(), "422 bad_punch");
    for id in ["7", "x", "99999999999999999999"] {
        assert_eq!(
            send(&vultus, Method::DELETE, &format!("/punches/{id}"), "").await.error(),
            "404 unknown_punch",
            "{id}"
        );
    }
    let endless = "1007\t2025-11-04 17:45:00\n".repeat(50_001);
    assert_eq!(send(&vultus, Method::POST, "/attlog", &endless).await.error(), "413 too_many_rows");

    std::fs::write(home.file("vultus.toml"), "[[schedule]]\nname = \"office\"\nhours = \"mon 9 to 5\"\n").unwrap();
    for command in [&["api"][..], &["attendance"]] {
        let said = home.run(command).failed_with(1);
        assert!(said.contains("[[schedule]] number 1") && said.contains("mon 9 to 5"), "{said}");
    }
}
