//! What is learned about faces that were seen: who an unknown one is, and who one was not.
use store::{Corrected, RegisteredVisitor, Registration, StoreError, TakenBack};

use crate::{Gallery, PersonName};

/// Faces that a visitor is enrolled from.
const FACES: u32 = 5;

impl Gallery {
    /// Makes a visitor a person, enrolled from the best faces that were kept of the visitor and are fit to enrol. When this
    /// returns, the person is recognised by this process.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn register_visitor(&self, id: &str, name: &PersonName) -> Result<RegisteredVisitor, StoreError> {
        let registration = Registration {
            name: name.as_str(),
            model: &self.shared.model,
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
