//! Made-up people for the tests of tracks and votes: embeddings of a chosen distance, in a real gallery.

use std::time::{Duration, Instant};

use face::{Embedding, YuvImage};
use gallery::{Distance, Gallery, PersonName};
use models::Catalog;
use store::{Event, NewTemplate, Store, StoredFace};

use crate::decision::Rule;
use crate::{Buffers, Frame, SharedFrame};

/// Who is enrolled; the database is gone with this value.
pub(crate) struct Enrolled {
    pub gallery: Gallery,
    store: Store,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Enrolled {
    /// A gallery of these people, each enrolled by [`person`] of the same number.
    pub(crate) fn of(names: &[&str]) -> Self {
        let enrolled = Self::nobody(&Catalog::builtin());
        (0..).zip(names).for_each(|(number, name)| enrolled.enrol(name, person(number)));
        enrolled
    }

    /// A gallery without people, of the default pack among those of `catalog`.
    pub(crate) fn nobody(catalog: &Catalog) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("vultus.db").display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pack = catalog.pack("default").unwrap();
        let (store, gallery) = runtime.block_on(async {
            let store = Store::open(&url).await.unwrap();
            (store.clone(), Gallery::load(store, pack, catalog).await.unwrap())
        });
        Self { gallery, store, runtime, _folder: folder }
    }

    /// Somebody who is known by this face of another space only.
    pub(crate) fn enrol_elsewhere(&self, name: &str, space: &str, face: &[f32]) {
        let template = NewTemplate { model: space, embedding: face, norm: 1.4, event: None, photo: None };
        self.runtime.block_on(self.store.enrol(name, &[template])).unwrap();
        // The gallery looks at the database again, as that of a service does all the time.
        let nobody = PersonName::parse("nobody").unwrap();
        assert!(!self.runtime.block_on(self.gallery.remove(&nobody)).unwrap());
    }

    pub(crate) fn enrol(&self, name: &str, vector: Vec<f32>) {
        let name = PersonName::parse(name).unwrap();
        self.runtime.block_on(self.gallery.enrol(&name, &[Embedding::new(vector, 4.0)])).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        let name = PersonName::parse(name).unwrap();
        assert!(self.runtime.block_on(self.gallery.remove(&name)).unwrap());
    }
}

impl Enrolled {
    /// Somebody with this face was taken for `name`, and that was corrected. Returns the event.
    pub(crate) fn was_somebody_else(&self, name: &str, embedding: Vec<f32>) -> String {
        let person = self.gallery.search(&Embedding::new(embedding.clone(), 4.0)).unwrap();
        assert_eq!(&*person.name, name);
        let event = Event {
            id: "01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0".to_owned(),
            person_id: Some(person.person.0),
            person: Some(name.to_owned()),
            status: "PASS".to_owned(),
            camera: "door".to_owned(),
            node: "gate".to_owned(),
            ended: true,
            decision: "{}".to_owned(),
            face: Some(StoredFace { model: self.gallery.model().to_owned(), embedding }),
            ..Event::default()
        };
        self.runtime.block_on(self.store.put_events(std::slice::from_ref(&event))).unwrap();
        self.runtime.block_on(self.gallery.correct_event(&event.id, None)).unwrap();
        event.id
    }

    pub(crate) fn take_back(&self, event: &str) {
        self.runtime.block_on(self.gallery.take_back_correction(event)).unwrap();
    }
}

/// The rule of the default settings.
pub(crate) fn rule() -> Rule {
    Rule { threshold: Distance::new(0.45), strong: Distance::new(0.42), shots: 2, margin: 0.02 }
}

/// A person as a direction of its own; two of them are as far apart as strangers are on the average.
pub(crate) fn person(number: usize) -> Vec<f32> {
    let mut vector = vec![0.0; 512];
    vector[number] = 1.0;
    vector
}

/// A shot of a person at a raw distance; `salt` chooses what it differs by. `norm` is its quality.
pub(crate) fn shot(number: usize, raw: f32, salt: usize, norm: f32) -> Embedding {
    let mut vector = vec![0.0; 512];
    vector[number] = 1.0 - raw;
    vector[100 + salt % 400] = (1.0 - (1.0 - raw) * (1.0 - raw)).max(0.0).sqrt();
    Embedding::new(vector, norm)
}

/// A grey frame, so long after `start`.
pub(crate) fn frame(start: Instant, after: Duration) -> SharedFrame {
    let image = YuvImage::new(32, 32, vec![128; YuvImage::len_for(32, 32)]).unwrap();
    let mut frame = Frame::new(image, 1, after, &Buffers::new());
    frame.read_at = start + after;
    frame.shared()
}
