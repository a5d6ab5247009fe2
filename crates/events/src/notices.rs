use std::collections::{HashMap, HashSet};

use camera::Reason;
use gallery::Gallery;
use store::PersonId;

use crate::{Notice, NoticeKind, PassageNews, Phase, Visitors};

/// Passages → what is told of them beside the PASS, at one camera: that somebody was denied, is unknown, is on the watch
/// list, or that a picture of somebody was shown, each once a passage.
#[derive(Debug)]
pub struct Notices {
    gallery: Gallery,
    visitors: Option<Visitors>,
    /// What was told of the passages that are not over, by their events' ids.
    told: HashMap<String, HashSet<NoticeKind>>,
}

impl Notices {
    /// Who people are is looked up in `gallery`, and who of the unknown is muted in `visitors`.
    pub fn new(gallery: Gallery, visitors: Option<Visitors>) -> Self {
        Self { gallery, visitors, told: HashMap::new() }
    }

    /// What is to be told of the newest state of a passage.
    pub fn of(&mut self, news: &PassageNews) -> Vec<Notice> {
        let mut seen = news.event.notice();
        let Some(id) = seen.event.clone() else { return Vec::new() };
        let person = news.event.person_id();
        let mut is_watched = person.is_some_and(|person| self.look_up(person, &mut seen));
        // Who walks by too quickly to be seen alive, or to turn, is somebody all the same; whoever shows a picture is told of as `spoof`.
        if matches!(seen.reason, Some(Reason::NotSeenAlive | Reason::HeadNotTurned))
            && let Some(likeness) = news.event.likeness()
            && let Some(person) = self.person_named(likeness)
            && self.gallery.profile(person).is_some_and(|profile| profile.watched)
        {
            is_watched = self.look_up(person, &mut seen);
            seen.name = Some(likeness.to_owned());
        }
        let mut told = self.told.remove(&id).unwrap_or_default();
        let mut kinds = Vec::new();
        if person.is_some() && seen.reason.is_some_and(Reason::is_of_access) {
            kinds.push(NoticeKind::Denied);
        }
        if person.is_none() && is_of_a_face(seen.reason) && self.is_to_be_told(seen.visitor.as_deref()) {
            kinds.push(NoticeKind::Unknown);
        }
        if seen.reason == Some(Reason::Spoof)
            && let Some(likeness) = news.event.likeness()
        {
            seen.name = Some(likeness.to_owned());
            kinds.push(NoticeKind::Spoof);
        }
        if is_watched {
            kinds.push(NoticeKind::Watched);
        }
        kinds.retain(|kind| told.insert(*kind));
        if news.phase != Phase::End {
            self.told.insert(id, told);
        }
        kinds.into_iter().map(|kind| Notice { kind, ..seen.clone() }).collect()
    }

    /// Completes what is known of somebody, and returns whether that is one of the watch list.
    fn look_up(&self, person: PersonId, seen: &mut Notice) -> bool {
        let Some(profile) = self.gallery.profile(person) else { return false };
        seen.code.clone_from(&profile.code);
        seen.groups.clone_from(&profile.groups);
        profile.watched
    }

    fn person_named(&self, name: &str) -> Option<PersonId> {
        self.gallery.index().people().find(|(_, known)| known.as_ref() == name).map(|(person, _)| person)
    }

    fn is_to_be_told(&self, visitor: Option<&str>) -> bool {
        let is_muted = |id| self.visitors.as_ref().is_some_and(|visitors| visitors.is_muted(id));
        visitor.is_some_and(|id| !is_muted(id))
    }
}

/// Whether the face was seen well, and nobody has one like it, or only somebody of whom it stands that it is not theirs.
fn is_of_a_face(reason: Option<Reason>) -> bool {
    matches!(reason, Some(Reason::BelowThreshold | Reason::NobodyEnrolled | Reason::Refuted))
}
