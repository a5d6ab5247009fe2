use std::collections::BTreeMap;
use std::fmt;

use moving::{Assigned, Assignment, Literal, shown};

use crate::settings::{DEFINITIONS, Definition, Given, file_with, nearest};

/// A name of a file, and what there is to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The name.
    pub name: String,
    /// What there is to say.
    pub said: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {} {}", self.line, shown(&self.name), self.said)
    }
}

/// The settings that another program's file makes.
#[derive(Debug, Default)]
pub struct Draft {
    /// What is taken, by key.
    given: BTreeMap<&'static str, Given>,
    /// What is taken, for people, secrets masked.
    pub taken: Vec<Place>,
    /// What is left out, and why.
    pub left_out: Vec<Place>,
    /// What no setting may be.
    pub wrong: Vec<Place>,
}

impl Draft {
    /// Of all assignments of a file; as in Python, the last one of a name counts.
    pub fn of(assignments: Vec<Assignment>) -> Self {
        // What cannot be read, or stands in a condition, is told of and takes nothing away.
        let readable = assignments.iter().enumerate().filter(|(_, assignment)| assignment.value.is_ok());
        let last: BTreeMap<String, usize> = readable.map(|(at, assignment)| (assignment.name.clone(), at)).collect();
        let mut draft = Self::default();
        for (at, Assignment { line, name, value }) in assignments.into_iter().enumerate() {
            let Some(definition) = DEFINITIONS.iter().find(|definition| definition.name() == name) else {
                draft.left_out.push(Place { line, said: unknown(&name), name });
                continue;
            };
            if value.is_ok() && last.get(&name).is_some_and(|last| *last != at) {
                draft.left_out.push(Place { line, name, said: "is given again further down, which counts".to_owned() });
                continue;
            }
            match value {
                Ok(assigned) => draft.take(line, definition, &assigned),
                Err(why) => draft.left_out.push(Place { line, name, said: format!("is left out: {why}") }),
            }
        }
        draft
    }

    /// The file.
    pub fn file(&self) -> String {
        file_with(&self.given)
    }

    fn take(&mut self, line: usize, definition: &'static Definition, assigned: &Assigned) {
        let (text, name) = (assigned.literal.to_string(), definition.name());
        if text.is_empty() && !definition.empty_is_a_value {
            let what = if assigned.literal == Literal::None { "None" } else { "empty" };
            let said = format!("is left out: it is {what}, so that the default stays ({:?})", definition.default);
            self.left_out.push(Place { line, name, said });
            return;
        }
        let shown = definition.shown(&text);
        if !(definition.check)(&text) || is_no_camera(definition, &assigned.literal) {
            let said = format!("= {shown:?} is not allowed: use {}", definition.allowed);
            self.wrong.push(Place { line, name, said });
            return;
        }
        let unless = assigned.unless.as_deref().map(|variable| of_environment(variable, &name)).unwrap_or_default();
        self.taken.push(Place { line, name, said: format!("= {shown:?}{unless}") });
        self.given.insert(definition.key, Given { text, line });
    }
}

/// OpenCV takes the number -1 for any camera; as a text it would be a file of that name.
fn is_no_camera(definition: &Definition, literal: &Literal) -> bool {
    let is_number = matches!(literal, Literal::Number(digits) if digits.parse::<u32>().is_ok());
    definition.key == "video_source" && matches!(literal, Literal::Number(_)) && !is_number
}

/// What became of `os.getenv("X", default)`.
fn of_environment(variable: &str, name: &str) -> String {
    if variable == name {
        return ", the default; the environment comes before it as before".to_owned();
    }
    format!(", the default of {variable:?} in the environment, which is called {name} from now on")
}

fn unknown(name: &str) -> String {
    let near = nearest(name, DEFINITIONS.iter().map(|definition| definition.key));
    let hint = near.map(|near| format!(" (did you mean {}?)", near.to_uppercase())).unwrap_or_default();
    format!("is left out: there is no such setting{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(places: &[Place]) -> Vec<String> {
        places.iter().map(Place::to_string).collect()
    }

    #[test]
    fn a_value_under_a_condition_takes_nothing_away() {
        let draft = Draft::of(moving::read_settings_py("TH_ACCEPT = 0.4\nif DEBUG: TH_ACCEPT = 0.3\n"));
        assert_eq!(said(&draft.taken), ["line 1: TH_ACCEPT = \"0.4\""]);
        assert!(said(&draft.left_out)[0].starts_with("line 2: TH_ACCEPT is left out: it stands in a block"));
    }

    #[test]
    fn what_is_taken_what_is_left_out_and_what_is_wrong_is_told_by_line() {
        let text = "COOLDOWN = 1\nCOOLDOWN = 10\nTH_ACCEPT = 'near'\nSCALES = 1\nWEBHOOK_URL = None\nWS_JPEG_QUALITY = 70 + 1\n\
                    VIDEO_SOURCE = os.getenv('CAM', -1)\nDATABASE_URL = ''\nAPI_KEY = 'secret-0123456789'\n\
                    SHOW_WINDOW = os.getenv('SHOW_WINDOW', 'True')\n";
        let draft = Draft::of(moving::read_settings_py(text));
        assert_eq!(
            said(&draft.taken),
            [
                "line 2: COOLDOWN = \"10\"",
                "line 5: WEBHOOK_URL = \"\"",
                "line 9: API_KEY = \"••••••••\"",
                "line 10: SHOW_WINDOW = \"True\", the default; the environment comes before it as before",
            ]
        );
        assert_eq!(
            said(&draft.left_out),
            [
                "line 1: COOLDOWN is given again further down, which counts",
                "line 4: SCALES is left out: there is no such setting (did you mean SCALE?)",
                "line 6: WS_JPEG_QUALITY is left out: it is a calculation, which is not run: write the result",
                "line 8: DATABASE_URL is left out: it is empty, so that the default stays (\"\")",
            ]
        );
        let wrong = said(&draft.wrong);
        assert!(wrong[0].starts_with("line 3: TH_ACCEPT = \"near\" is not allowed: use "), "{wrong:?}");
        assert!(wrong[1].starts_with("line 7: VIDEO_SOURCE = \"-1\" is not allowed: use "), "{wrong:?}");
        let file = draft.file();
        assert!(file.contains("\nCOOLDOWN = \"10\"  # line 2\n") && file.contains("\n# SCALE = \"0.5\"\n"), "{file}");
        assert!(toml::from_str::<toml::Table>(&file).unwrap().len() == 4);
    }
}
