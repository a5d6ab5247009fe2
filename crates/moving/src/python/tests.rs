use super::*;

fn read(text: &str) -> Vec<String> {
    let told = |found: Assignment| match found.value {
        Ok(value) => {
            let unless = value.unless.map(|name| format!(" unless {name}")).unwrap_or_default();
            format!("{} {} = {:?}{unless}", found.line, found.name, value.literal)
        }
        Err(why) => format!("{} {}: {why}", found.line, found.name),
    };
    read_settings_py(text).into_iter().map(told).collect()
}

fn one(text: &str) -> String {
    let read = read(text);
    assert_eq!(read.len(), 1, "{read:?}");
    read[0].clone()
}

#[test]
fn the_originals_settings_are_read() {
    let text = "# settings.py\nimport os\n\nVIDEO_SOURCE = 0\nSCALE = 0.5   # half\nCOOLDOWN=5\nTH_ACCEPT: float = 0.45\nSHOW_WINDOW = True\n\
                WEBHOOK_URL = \"http://localhost:3000/face-event\"\nWS_ENABLE = True; WS_JPEG_QUALITY = 70\n";
    assert_eq!(
        read(text),
        [
            "4 VIDEO_SOURCE = Number(\"0\")",
            "5 SCALE = Number(\"0.5\")",
            "6 COOLDOWN = Number(\"5\")",
            "7 TH_ACCEPT = Number(\"0.45\")",
            "8 SHOW_WINDOW = Bool(true)",
            "9 WEBHOOK_URL = Text(\"http://localhost:3000/face-event\")",
            "10 WS_ENABLE = Bool(true)",
            "10 WS_JPEG_QUALITY = Number(\"70\")",
        ]
    );
}

#[test]
fn texts_are_read_in_all_their_forms() {
    assert_eq!(one(r#"A = 'it''s'"#), r#"1 A = Text("its")"#);
    assert_eq!(one(r#"A = r"C:\new\x" "#), r#"1 A = Text("C:\\new\\x")"#);
    assert_eq!(one(r#"A = "tab\t\x41\u00e9\101\q\"" "#), r#"1 A = Text("tab\tAéA\\q\"")"#);
    assert_eq!(one("A = (\"rtsp://\"\n     'cam')"), r#"1 A = Text("rtsp://cam")"#);
    assert_eq!(one("A = 'a' \\\n 'b'"), r#"1 A = Text("ab")"#);
    assert_eq!(one("A = '''one\ntwo'''"), r#"1 A = Text("one\ntwo")"#);
    assert_eq!(one("A = '# no comment'"), r##"1 A = Text("# no comment")"##);
    assert_eq!(read("A = '''one\ntwo'''\nB = 1")[1], r#"3 B = Number("1")"#);
}

#[test]
fn numbers_are_read_in_all_their_forms() {
    let forms =
        [("-1", "-1"), ("1_000", "1000"), ("0x10", "16"), ("1e-2", "0.01"), (".5", "0.5"), ("5.", "5"), ("+2", "2")];
    for (given, meant) in forms {
        assert_eq!(one(&format!("A = {given}")), format!("1 A = Number({meant:?})"), "{given}");
    }
    assert!(one("A = 2j").contains("a number (2j) that no setting has"));
    assert!(one("A = 1e999").contains("no setting has"));
}

#[test]
fn what_would_have_to_be_run_is_refused_and_said() {
    for (given, why) in [
        ("A = 5 * 60", "it is a calculation, which is not run: write the result"),
        ("A = B", "it is what B is: write the value itself"),
        ("A = f'{x}'", "it is a text that is put together (f\"…\")"),
        ("A = b'x'", "it is bytes, not a text"),
        ("A = [1, 2]", "it is a list or a dict, and a setting has one value"),
        ("A = (1, 2)", "it is a list, and a setting has one value"),
        ("A = __import__('os').system('x')", "it calls something, which is not run: write the value itself"),
        ("A += 1", "it changes what was there before: write the value itself"),
        ("A, B_ = 1, 2", "several names are given values at once: write a line for each"),
        ("A = os.getenv('A')", "it is taken from the environment (A), without a default"),
        ("A = ", "it is nothing"),
        ("A = 'open", "it has a text whose quotes are not closed"),
        ("A = '\\N{BULLET}'", "it has a text with an escape that is not known"),
        (" A = 1", "it stands in a block (a class, a function or a condition): write it to the left edge of the file"),
        ("A = not True", "it is a calculation, which is not run: write the result"),
    ] {
        assert_eq!(read(given)[0], format!("1 A: {why}"), "{given}");
    }
}

#[test]
fn what_stands_behind_a_condition_on_its_line_is_left_out() {
    let why = "it stands in a block (a class, a function or a condition): write it to the left edge of the file";
    for (given, names) in [
        ("if DEBUG: TH_ACCEPT = 0.3", &["TH_ACCEPT"][..]),
        ("if DEBUG: pass; TH_ACCEPT = 0.9", &["TH_ACCEPT"]),
        ("elif D[1:2] == {1: 2}: X = 1; Y: int = 2", &["X", "Y"]),
        ("else: X = 1", &["X"]),
        ("try: X = Y = 1", &["X", "Y"]),
        ("class S: X = 1", &["X"]),
        ("class S(B): X: int = 1", &["X"]),
        ("def f(a: int = 1) -> int: X = 1", &["X"]),
        ("while lambda: 1: X += 1", &["X"]),
        ("with open('x') as f: X = 1", &["X"]),
        ("for x in y:", &[]),
        ("if X == 1: print(1)", &[]),
    ] {
        let expected: Vec<String> = names.iter().map(|name| format!("1 {name}: {why}")).collect();
        assert_eq!(read(given), expected, "{given}");
    }
    assert_eq!(one("match = A = 1"), "1 A = Number(\"1\")");
    assert_eq!(read("if D: X = 1\nX = 2")[1], "2 X = Number(\"2\")");
}

#[test]
fn a_file_cannot_cost_more_than_its_size() {
    let many = |names: usize| format!("{}\"xxxx\"", "A=".repeat(names));
    assert_eq!(read(&many(16)).len(), 16);
    let all = read(&many(400_000));
    assert_eq!(all.len(), 16);
    assert_eq!(all[0], "1 A: more than 16 names are given one value: write a line for each");

    for never_closed in ["A=1\\'''\n", "A=1\\'\\\n"] {
        let began = std::time::Instant::now();
        assert_eq!(read(&never_closed.repeat(120_000)).len(), 120_000);
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    }

    let deep = |levels: usize| format!("A = {}1{}", "(".repeat(levels), ")".repeat(levels));
    assert_eq!(one(&deep(20)), "1 A = Number(\"1\")");
    assert_eq!(one(&deep(400_000)), "1 A: it stands in more than 20 brackets");
    assert!(one(&format!("A = os.getenv('\\x1b[2J{}')", "x".repeat(1000))).len() < 200);
}

#[test]
fn the_environments_defaults_are_taken() {
    assert_eq!(one("A = os.getenv('X', 'd')"), r#"1 A = Text("d") unless X"#);
    assert_eq!(one("A = os.environ.get(\"X\", default=True)"), "1 A = Bool(true) unless X");
    assert_eq!(
        one("A = int(os.getenv('X', '5'),)"),
        "1 A: it calls something, which is not run: write the value itself"
    );
    assert_eq!(one("A = int(os.getenv('X', '5'))"), r#"1 A = Text("5") unless X"#);
    assert_eq!(one("A = os.getenv('X', B)"), "1 A: the default of X is what B is: write the value itself");
    assert!(one("A = os.getenv('X', 'true').lower() == 'true'").contains("calls something"));
}

#[test]
fn what_gives_no_setting_a_value_is_passed_over() {
    let text = "import os\nfrom x import A\nlogger = 1\nprint('A = 1')\ndef f(A=1):\n    return A\n\"\"\"A = 1\nB = 2\n\"\"\"\nassert A == 1\nA: int\nif A:\n    pass\n";
    assert!(read(text).is_empty(), "{:?}", read(text));
    assert_eq!(read("A = B = 'x'"), [r#"1 A = Text("x")"#, r#"1 B = Text("x")"#]);
    assert_eq!(read("A = 'open\nB = 1").len(), 2);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "[A-C='\"\\\\(){}\\[\\]#;:,.+a-f0-9 \n\té]{0,80}") {
        let lines = text.lines().count();
        for found in read_settings_py(&text) {
            assert!(found.line >= 1 && found.line <= lines.max(1));
        }
    }
}
