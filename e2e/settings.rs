//! Settings: flag over environment over file over default, and what is said of a bad one.

use crate::support::Home;

/// The line of `vultus config` about a setting.
fn line(home: &Home, arguments: &[&str], name: &str) -> String {
    let shown = home.run(&[&["config"], arguments].concat()).succeeded();
    let found = shown.lines().find(|line| line.split_whitespace().next() == Some(name));
    found.unwrap_or_else(|| panic!("no {name} in {shown}")).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_flag_comes_before_the_environment_before_the_file_before_the_default() {
    let home = Home::new();
    assert_eq!(line(&home, &[], "COOLDOWN"), "COOLDOWN = 5 # default");
    std::fs::write(home.file("vultus.toml"), "COOLDOWN = 7\nscale = 0.25\nshow_window = true\n").unwrap();
    assert_eq!(line(&home, &[], "COOLDOWN"), "COOLDOWN = 7 # vultus.toml");
    assert_eq!(line(&home, &[], "SCALE"), "SCALE = 0.25 # vultus.toml");
    assert_eq!(line(&home, &[], "SHOW_WINDOW"), "SHOW_WINDOW = false # environment");
    let home = home.with("COOLDOWN", "8");
    assert_eq!(line(&home, &[], "COOLDOWN"), "COOLDOWN = 8 # environment");
    assert_eq!(line(&home, &["--cooldown", "9"], "COOLDOWN"), "COOLDOWN = 9 # command line");
    std::fs::write(home.file("other.toml"), "TH_ACCEPT = 0.3\n").unwrap();
    assert_eq!(line(&home, &["--config", "other.toml"], "TH_ACCEPT"), "TH_ACCEPT = 0.3 # other.toml");
}

#[test]
fn a_file_in_vultus_home_is_found_from_any_folder() {
    let home = Home::new();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(home.file("vultus.toml"), "COOLDOWN = 7\n").unwrap();
    let output = home.command(&["config"]).current_dir(elsewhere.path()).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.lines().any(|line| line.starts_with("COOLDOWN") && line.contains("= 7")), "{shown}");
}

#[test]
fn a_bad_value_is_said_with_the_setting_the_value_and_what_is_allowed() {
    let home = Home::new();
    for (name, value, allowed) in [
        ("COOLDOWN", "soon", "seconds, 0 to 86400"),
        ("SCALE", "2", "above 0, up to 1"),
        ("TH_ACCEPT", "-1", "a distance above 0"),
        ("SHOW_WINDOW", "maybe", "true, yes, on, 1"),
        ("WS_JPEG_QUALITY", "101", "1 to 100"),
        ("HTTP_ADDR", "5000", "127.0.0.1:5000"),
        ("WEBHOOK_URL", "nowhere", "http://"),
        ("LOG", "loud", "error, warn, info"),
    ] {
        let output = home.command(&["config"]).env(name, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(said.contains(name) && said.contains(value) && said.contains(allowed), "{name}: {said}");
    }
}

#[test]
fn a_misspelt_setting_in_the_file_is_an_error_that_names_the_right_one() {
    let home = Home::new();
    std::fs::write(home.file("vultus.toml"), "COOLDOWN_SECONDS = 7\n").unwrap();
    let said = home.run(&["config"]).failed_with(1);
    assert!(said.contains("COOLDOWN_SECONDS") && said.contains("did you mean COOLDOWN?"), "{said}");
}

#[test]
fn the_example_file_names_every_setting_and_is_a_valid_file() {
    let home = Home::new();
    let example = home.run(&["config", "--example"]).succeeded();
    let shown = home.run(&["config"]).succeeded();
    let names: Vec<&str> =
        shown.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split(' ').next()).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in &names {
        assert!(example.contains(&format!("# {name} = ")), "{name} is not in {example}");
    }
    // Each line in use instead of in a comment.
    let assignments: Vec<&str> = example
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.split_once(" = ").is_some_and(|(name, _)| names.contains(&name)))
        .collect();
    assert_eq!(assignments.len(), names.len());
    std::fs::write(home.file("used.toml"), assignments.join("\n")).unwrap();
    home.run(&["config", "--config", "used.toml"]).succeeded();
}

#[test]
fn secrets_are_not_shown() {
    let home = Home::new().with("API_KEY", "hush-hush").with("DATABASE_URL", "postgres://me:hush-hush@db/vultus");
    let shown = home.run(&["config"]).succeeded();
    assert!(!shown.contains("hush-hush"), "{shown}");
    assert!(shown.contains("@db/vultus"), "{shown}");
}

#[test]
fn the_contracts_settings_have_the_originals_defaults() {
    let home = Home::new();
    let output = home.command(&["config"]).env_remove("SHOW_WINDOW").env_remove("WEBHOOK_URL").output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<String> = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for wanted in [
        "VIDEO_SOURCE = 0",
        "SCALE = 0.5",
        "COOLDOWN = 5",
        "TH_ACCEPT = 0.45",
        "SHOW_WINDOW = True",
        "WEBHOOK_URL = http://localhost:3000/face-event",
        "WS_ENABLE = true",
        "WS_URL = ws://localhost:3001/ws/face-stream",
        "WS_JPEG_QUALITY = 70",
    ] {
        assert!(lines.contains(&format!("{wanted} # default")), "no {wanted} in {shown}");
    }
}
