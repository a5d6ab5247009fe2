use std::time::SystemTime;

use face::{Embedding, Rect};
use gallery::{Distance, Gallery, Match, Scale, Version};
use models::Gates;

use crate::decision::{Reason, Rule, Verdict};
use crate::evidence::Shot;

/// Shots kept of a track: those with the most weight. More add nothing to a mean that is good already.
const KEPT: usize = 12;

/// A head turned farther than this shows too little of the face.
const TURNED: f32 = 35.0;

/// The shots of one track and what they say together: the mean of the embeddings, each weighted by how far its norm is above the
/// pack's `vote_norm`. One bad shot weighs little, and one good shot of somebody else is outvoted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Votes {
    kept: Vec<Vote>,
    /// The newest shot that the gates refused, for the reason.
    refused: Option<Shot>,
    /// How many shots in a row were refused.
    refusals: u32,
    /// The newest shot's own distance to the person nearest to all of them, if it names that person.
    newest: Option<Distance>,
    fused: Option<Embedding>,
    nearest: Option<Match>,
    gallery: Version,
}

#[derive(Clone, Debug)]
struct Vote {
    shot: Shot,
    embedding: Embedding,
}

/// Where and how a shot was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub at: SystemTime,
    pub area: Rect,
    pub score: f32,
    pub yaw: f32,
}

impl Votes {
    /// Counts a shot that can be recognised.
    pub(crate) fn add(&mut self, view: View, embedding: Embedding, gates: &Gates, gallery: &Gallery) {
        self.follow(gallery);
        let version = gallery.version();
        let weight = (embedding.norm - gates.vote_norm).max(0.0);
        let own = gallery.search(&embedding);
        let shot = shot_of(view, embedding.norm, weight, own.clone());
        self.kept.push(Vote { shot, embedding });
        if self.kept.len() > KEPT {
            self.drop_one(gallery);
        }
        self.refusals = 0;
        self.fused = gallery.fuse(self.kept.iter().map(|vote| (&vote.embedding, vote.shot.weight)));
        self.nearest = self.fused.as_ref().and_then(|fused| gallery.search(fused));
        let person = self.nearest.as_ref().map(|nearest| nearest.person);
        self.newest = own.filter(|own| Some(own.person) == person && !own.refuted).map(|own| own.distance);
        self.gallery = version;
    }

    /// Drops the lightest shot; before all others one that was taken when faces were not embedded in a space in which they are by now. Who has moved
    /// to it meanwhile cannot be found by such shots.
    fn drop_one(&mut self, gallery: &Gallery) {
        let wanted = gallery.wanted_spaces().get();
        let is_whole = |vote: &Vote| wanted.iter().all(|wanted| vote.embedding.in_space(&wanted.space).is_some());
        let least = self
            .kept
            .iter()
            .enumerate()
            .min_by(|(_, a), (_, b)| is_whole(a).cmp(&is_whole(b)).then(a.shot.weight.total_cmp(&b.shot.weight)));
        if let Some((at, _)) = least {
            self.kept.remove(at);
        }
    }

    /// Notes a shot that the gates refuse.
    pub(crate) fn refuse(&mut self, view: View, norm: f32) {
        self.refused = Some(shot_of(view, norm, 0.0, None));
        self.refusals += 1;
    }

    /// How many shots in a row were refused.
    pub(crate) fn refusals(&self) -> u32 {
        self.refusals
    }

    /// Whether the newest shot alone is of the person that all of them are of.
    pub(crate) fn newest_agrees(&self, rule: &Rule) -> bool {
        self.newest.is_some_and(|distance| distance < rule.threshold)
    }

    /// Asks the gallery again about every shot when somebody was enrolled or removed meanwhile. Says whether it did.
    pub(crate) fn follow(&mut self, gallery: &Gallery) -> bool {
        let version = gallery.version();
        if self.gallery == version || self.kept.is_empty() {
            return false;
        }
        for vote in &mut self.kept {
            vote.shot.nearest = gallery.search(&vote.embedding);
        }
        self.nearest = self.fused.as_ref().and_then(|fused| gallery.search(fused));
        self.gallery = version;
        true
    }

    /// Whether there is a shot that can be recognised.
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many shots count.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// All shots together; its norm is that of the best.
    pub(crate) fn fused(&self) -> Option<&Embedding> {
        self.fused.as_ref()
    }

    /// The person nearest to all shots together.
    pub(crate) fn nearest(&self) -> Option<&Match> {
        self.nearest.as_ref()
    }

    /// The shot with the highest norm.
    pub(crate) fn best(&self) -> Option<&Shot> {
        self.kept.iter().map(|vote| &vote.shot).max_by(|a, b| face::by_clearness(a.quality, b.quality))
    }

    /// The shots that count, oldest first; without any the newest that was refused.
    pub(crate) fn shots(&self) -> Vec<Shot> {
        match &self.refused {
            Some(refused) if self.kept.is_empty() => vec![refused.clone()],
            _ => self.kept.iter().map(|vote| vote.shot.clone()).collect(),
        }
    }

    /// Why the newest shot that the gates refused cannot be recognised.
    pub(crate) fn why_refused(&self) -> Reason {
        let is_turned = self.refused.as_ref().is_some_and(|shot| shot.yaw.abs() > TURNED);
        if is_turned { Reason::TurnedAway } else { Reason::Blurred }
    }

    /// How far an embedding is from all shots together.
    pub(crate) fn distance(&self, embedding: &[f32], scale: &Scale) -> Option<Distance> {
        self.fused.as_ref().map(|fused| scale.between(&fused.vector, embedding))
    }

    /// How many shots name the nearest person, each below the threshold.
    pub(crate) fn agreeing(&self, rule: &Rule) -> u32 {
        self.for_nearest(rule.threshold).count() as u32
    }

    /// Whether one of the shots counts for all that are asked for: it is much nearer than the threshold, and clear enough to enrol.
    pub(crate) fn is_strong(&self, rule: &Rule, gates: &Gates) -> bool {
        self.for_nearest(rule.strong).any(|shot| shot.quality >= gates.enrol_norm)
    }

    /// What the shots say together, by `rule`.
    pub(crate) fn verdict(&self, rule: &Rule, gates: &Gates) -> Verdict {
        let Some(best) = self.best() else { return Verdict::Reject(self.why_refused()) };
        let Some(nearest) = &self.nearest else { return Verdict::Reject(Reason::NobodyEnrolled) };
        if nearest.distance >= rule.threshold {
            return Verdict::Reject(match best {
                clear if clear.quality >= gates.enrol_norm => Reason::BelowThreshold,
                turned if turned.yaw.abs() > TURNED => Reason::TurnedAway,
                _ => Reason::Blurred,
            });
        }
        if nearest.refuted {
            return Verdict::Reject(Reason::Refuted);
        }
        let is_second_near = nearest.runner_up.as_ref().is_some_and(|second| {
            second.distance < rule.threshold && second.distance.value() - nearest.distance.value() <= rule.margin
        });
        match () {
            () if is_second_near => Verdict::Reject(Reason::TooNearToTwo),
            () if self.agreeing(rule) >= rule.shots || self.is_strong(rule, gates) => Verdict::Pass,
            () => Verdict::Reject(Reason::TooFewShots),
        }
    }

    /// The shots nearer than `limit` to the person who is nearest to all of them together, without those that are refuted.
    fn for_nearest(&self, limit: Distance) -> impl Iterator<Item = &Shot> {
        let person = self.nearest.as_ref().map(|nearest| nearest.person);
        self.kept.iter().map(|vote| &vote.shot).filter(move |shot| {
            let counts = |m: &Match| Some(m.person) == person && m.distance < limit && !m.refuted;
            shot.nearest.as_ref().is_some_and(counts)
        })
    }
}

fn shot_of(view: View, quality: f32, weight: f32, nearest: Option<Match>) -> Shot {
    let View { at, area, score, yaw } = view;
    Shot { at, area, score, quality, yaw, weight, nearest }
}

#[cfg(test)]
mod tests;
