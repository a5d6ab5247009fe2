//! What is learned about faces that were seen: who an unknown one is, and who one was not.
use face::Embedding;
use store::{Corrected, RegisteredVisitor, Registration, StoreError, TakenBack};

use crate::{Distance, Gallery, PersonName};

/// Faces that a visitor is enrolled from.
const FACES: u32 = 5;

/// A visitor farther than this from a person who is enrolled is somebody else: one pair in a thousand of strangers is nearer
/// (the curve's point for FMR 1e-3).
const SAME: f32 = crate::fmr::ONE_IN_A_THOUSAND;

/// Why a visitor is hardly the person who has a name already.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unlike {
    /// The face is so far from that person's.
    Far(Distance),
    /// The face is too much like one of which somebody said that it is not that person's.
    Refuted,
    /// That person is known by another pack only, of which the visitor has no face: there is no telling.
    Incomparable,
}

impl Gallery {
    /// Why a visitor is hardly the person who is enrolled as `name`; `None` also when nobody is, or when there is no such visitor.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unlike(&self, visitor: &str, name: &PersonName) -> Result<Option<Unlike>, StoreError> {
        let Some(face) = self.shared.store.visitor_face(visitor, self.model()).await? else { return Ok(None) };
        // Another process may have enrolled that person a moment ago.
        self.refresh_or_warn().await;
        let index = self.index();
        Ok(match index.near_to(name.as_str(), &Embedding::new(face, 0.0)) {
            Some((distance, _)) if distance > Distance::new(SAME) => Some(Unlike::Far(distance)),
            Some((_, refuted)) => refuted.then_some(Unlike::Refuted),
            None => index.knows(name.as_str()).then_some(Unlike::Incomparable),
        })
    }

    /// Makes a visitor a person, enrolled from the best faces that were kept of the visitor and are fit to enrol. When this
    /// returns, the person is recognised by this process.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn register_visitor(&self, id: &str, name: &PersonName) -> Result<RegisteredVisitor, StoreError> {
        let registration = Registration {
            name: name.as_str(),
            model: self.model(),
            faces: FACES,
            quality: self.shared.gates.enrol_norm,
        };
        let done = self.shared.store.register_visitor(id, registration).await?;
        self.refresh_or_warn().await;
        Ok(done)
    }

    /// An event was not of the person that it names: of the person called `said`, or of nobody known. When this returns, the
    /// event's face counts against the person who was named, in this process.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn correct_event(&self, id: &str, said: Option<&PersonName>) -> Result<Corrected, StoreError> {
        let done = self.shared.store.correct_event(id, said.map(PersonName::as_str)).await?;
        self.refresh_or_warn().await;
        Ok(done)
    }

    /// The event was right after all.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn take_back_correction(&self, id: &str) -> Result<TakenBack, StoreError> {
        let done = self.shared.store.take_back_correction(id).await?;
        self.refresh_or_warn().await;
        Ok(done)
    }
}
