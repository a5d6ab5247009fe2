use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::ensure;
use gallery::PersonName;
use models::{Cache, DistanceKind};
use moving::{FaceDb, Sheet};
use store::{NewTemplate, Person, Store};

use super::alike::{Alike, MOST_COMPARED, Shown, alike, difference};
use crate::app::catalog_of;
use crate::settings::Settings;

/// A person's encodings lie within this of each other, by dlib's own measure.
const ONE_PERSON: f32 = 0.6;

/// Where encodings of a pack belong.
#[derive(Clone, Debug)]
pub struct Space {
    /// Under which name templates of it are stored.
    pub name: String,
    /// How many numbers an encoding has.
    pub dim: usize,
    /// The pack that makes such encodings.
    pub pack: String,
    /// Whether that pack is installed, so that these people can be recognised.
    pub is_installed: bool,
}

impl Space {
    /// The space of a pack.
    ///
    /// # Errors
    /// No such pack, or one whose encodings are not dlib's kind.
    pub fn of_pack(pack: &str, settings: &Settings) -> anyhow::Result<Self> {
        let catalog = catalog_of(settings)?;
        let embedder = &catalog.pack(pack)?.embedder;
        ensure!(
            embedder.distance == DistanceKind::L2,
            "the pack {pack} compares faces by angle, and a face_db.pkl holds encodings that are compared by the length of the \
             difference: leave --pack out"
        );
        let is_installed = Cache::new(settings.models_folder()).installed(&catalog, pack).is_ok();
        Ok(Self { name: embedder.space.clone(), dim: embedder.dim, pack: pack.to_owned(), is_installed })
    }
}

/// What is to be stored of a face database.
#[derive(Debug, Default)]
pub struct Plan {
    /// Who gets which encodings, in the order of the file.
    pub people: Vec<(PersonName, Vec<Vec<f32>>)>,
    /// Encodings that are stored already, or stand in the file twice.
    pub already: usize,
    /// What is left out, and why.
    pub left_out: FaceDb,
    /// Names with nearly the same face; `None` where there are too many to compare.
    pub alike: Option<Vec<Alike>>,
}

impl Plan {
    /// Sorts out what is in the file beside who is enrolled. `force` adds to a person what is unlike the encodings that the person
    /// has: two people of one name would both be let in by it.
    pub fn of(mut db: FaceDb, enrolled: &[Person], force: bool) -> Self {
        let held: HashMap<&str, &Person> = enrolled.iter().map(|person| (person.name.as_str(), person)).collect();
        let sheets = std::mem::take(&mut db.sheets);
        let mut plan = Self { left_out: db, ..Self::default() };
        for (name, encodings) in by_person(sheets, &mut plan.left_out) {
            let new = plan.new_of(&name, encodings, held.get(name.as_str()).copied(), force);
            if !new.is_empty() {
                plan.people.push((name, new));
            }
        }
        plan.alike = plan.compare(enrolled);
        plan
    }

    /// How many encodings are to be stored.
    pub fn encodings(&self) -> usize {
        self.people.iter().map(|(_, encodings)| encodings.len()).sum()
    }

    /// How much is left out.
    pub fn left_out(&self) -> usize {
        self.left_out.skipped.len() + self.left_out.more_skipped
    }

    fn new_of(
        &mut self,
        name: &PersonName,
        encodings: Vec<Vec<f32>>,
        held: Option<&Person>,
        force: bool,
    ) -> Vec<Vec<f32>> {
        let held = held.map_or(&[][..], |person| person.templates.as_slice());
        let bits = |encoding: &[f32]| encoding.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        let mut known: HashSet<Vec<u32>> = held.iter().map(|template| bits(&template.embedding)).collect();
        let mut new = Vec::new();
        for encoding in encodings {
            if !known.insert(bits(&encoding)) {
                self.already += 1;
                continue;
            }
            let distances = held.iter().map(|template| difference(&template.embedding, &encoding));
            match distances.min_by(f32::total_cmp).filter(|nearest| *nearest > ONE_PERSON && !force) {
                Some(nearest) => self.left_out.skip(name.as_str(), unlike(nearest)),
                None => new.push(encoding),
            }
        }
        new
    }

    fn compare(&self, enrolled: &[Person]) -> Option<Vec<Alike>> {
        let new = self.people.iter().flat_map(|(name, encodings)| {
            encodings.iter().map(move |encoding| Shown { name: name.as_str(), encoding, is_new: true })
        });
        let held = enrolled.iter().flat_map(|person| {
            let name = person.name.as_str();
            person.templates.iter().map(move |held| Shown { name, encoding: &held.embedding, is_new: false })
        });
        let all: Vec<_> = held.chain(new).collect();
        (all.len() <= MOST_COMPARED).then(|| alike(&all))
    }

    /// Stores everybody, one person a transaction, as the encodings are: their length is part of what is compared.
    ///
    /// # Errors
    /// When the database fails; those before are stored.
    pub async fn store(&self, store: &Store, space: &Space, mut each: impl FnMut()) -> anyhow::Result<()> {
        for (name, encodings) in &self.people {
            let templates: Vec<_> = encodings.iter().map(|encoding| new_template(encoding, space)).collect();
            store.enrol(name.as_str(), &templates).await?;
            each();
        }
        Ok(())
    }
}

/// As dlib gives it, with its length beside it.
fn new_template<'a>(encoding: &'a [f32], space: &'a Space) -> NewTemplate<'a> {
    let norm = encoding.iter().map(|number| number * number).sum::<f32>().sqrt();
    NewTemplate { model: &space.name, embedding: encoding, norm, event: None, photo: None }
}

fn unlike(nearest: f32) -> String {
    format!(
        "it is unlike the encodings that are enrolled by this name (distance {nearest:.2}, {ONE_PERSON} at most for one person): whoever \
         it is would pass by this name; --force adds it"
    )
}

/// The encodings of each name, in order of the names' first appearance.
fn by_person(sheets: Vec<Sheet>, left_out: &mut FaceDb) -> Vec<(PersonName, Vec<Vec<f32>>)> {
    let mut people: Vec<(PersonName, Vec<Vec<f32>>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for Sheet { name, encodings } in sheets {
        match PersonName::parse(&name) {
            Ok(name) => {
                let at = *places.entry(name.as_str().to_owned()).or_insert_with(|| {
                    people.push((name, Vec::new()));
                    people.len() - 1
                });
                people[at].1.extend(encodings);
            }
            Err(error) if name.trim().is_empty() => left_out.skip("somebody without a name", error.to_string()),
            Err(error) => left_out.skip(name.trim(), error.to_string()),
        }
    }
    people
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(name: &str, encodings: &[[f32; 2]]) -> Sheet {
        Sheet { name: name.to_owned(), encodings: encodings.iter().map(|encoding| encoding.to_vec()).collect() }
    }

    fn plan(sheets: &[Sheet]) -> Plan {
        Plan::of(FaceDb { sheets: sheets.to_vec(), ..FaceDb::default() }, &[], false)
    }

    #[test]
    fn one_name_in_two_spellings_is_one_person_and_a_bad_name_is_left_out() {
        let plan = plan(&[
            sheet("Jose\u{301}", &[[1.0, 0.0]]),
            sheet(" José ", &[[0.9, 0.0], [1.0, 0.0]]),
            sheet("a\u{200b}", &[[0.0, 1.0]]),
        ]);
        assert_eq!((plan.people.len(), plan.encodings(), plan.already), (1, 2, 1));
        assert_eq!(plan.left_out.skipped[0].why, "the name contains a character that cannot be seen");
    }

    #[test]
    fn two_names_with_nearly_the_same_face_are_told_once_with_their_nearest() {
        let plan =
            plan(&[sheet("a", &[[1.0, 0.0], [0.8, 0.0]]), sheet("b", &[[0.75, 0.0]]), sheet("c", &[[0.0, 1.0]])]);
        let alike = plan.alike.unwrap();
        assert_eq!(alike.len(), 1);
        assert_eq!((alike[0].name.as_str(), alike[0].other.as_str()), ("b", "a"));
        assert!((alike[0].distance - 0.05).abs() < 1e-6);
    }
}
