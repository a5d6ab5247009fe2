use std::collections::BTreeMap;

/// A page of numbers, read by the rules of Prometheus' text form.
#[derive(Debug, Default)]
pub struct Exposition {
    /// The kind of each name: counter, gauge or summary.
    pub kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

impl Exposition {
    /// The number with exactly these labels, as `name{label="value",…}` with the labels in order.
    #[track_caller]
    pub fn value(&self, sample: &str) -> f64 {
        self.get(sample).unwrap_or_else(|| panic!("no {sample} in {:#?}", self.samples))
    }

    pub fn get(&self, sample: &str) -> Option<f64> {
        self.samples.get(sample).copied()
    }

    /// All samples of one name.
    pub fn all(&self, name: &str) -> Vec<(&str, f64)> {
        let is_named = |sample: &str| sample.split('{').next() == Some(name);
        self.samples.iter().filter(|(sample, _)| is_named(sample)).map(|(s, value)| (s.as_str(), *value)).collect()
    }
}

/// Reads a page; panics at the first thing that a collector would refuse.
#[track_caller]
pub fn parse(text: &str) -> Exposition {
    assert!(text.ends_with('\n'), "the last line ends");
    let (mut page, mut helped, mut family) = (Exposition::default(), None, String::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap_or_else(|| panic!("help without words: {line}"));
            assert!(is_name(name) && !words.is_empty(), "{line}");
            helped = Some(name.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap_or_else(|| panic!("a type without a kind: {line}"));
            assert_eq!(helped.take().as_deref(), Some(name), "help comes before the type");
            assert!(["counter", "gauge", "summary"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert_eq!(page.kinds.insert(name.to_owned(), kind.to_owned()), None, "{name} comes once, in one piece");
            name.clone_into(&mut family);
        } else {
            let (name, labels, value) = sample(line);
            let of_family = match page.kinds.get(&family).map(String::as_str) {
                Some("summary") => {
                    name == family || name == format!("{family}_sum") || name == format!("{family}_count")
                }
                _ => name == family,
            };
            assert!(of_family, "{line} stands under {family}");
            let key = if labels.is_empty() { name } else { format!("{name}{{{labels}}}") };
            assert_eq!(page.samples.insert(key, value), None, "twice: {line}");
        }
    }
    page
}

/// Name, labels as they stand there, and value.
fn sample(line: &str) -> (String, String, f64) {
    let (start, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("not a number: {line}"));
    let Some((name, labels)) = start.split_once('{') else {
        assert!(is_name(start), "{line}");
        return (start.to_owned(), String::new(), value);
    };
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("labels without an end: {line}"));
    assert!(is_name(name), "{line}");
    check_labels(labels, line);
    (name.to_owned(), labels.to_owned(), value)
}

/// `name="value",name="value"`, in which quotes, backslashes and line ends are escaped.
fn check_labels(mut rest: &str, line: &str) {
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        assert!(is_name(name), "{line}");
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next().unwrap_or_else(|| panic!("a value without an end: {line}")) {
                (at, '"') => break at,
                (_, '\\') => assert!(matches!(characters.next(), Some((_, '\\' | '"' | 'n'))), "{line}"),
                _ => {}
            }
        };
        rest = &after[end + 1..];
        if !rest.is_empty() {
            rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("{line}"));
        }
    }
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
