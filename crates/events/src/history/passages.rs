use std::sync::Arc;

use camera::{BestShot, Evidence, LIVE_FROM, Liveness, LivenessState, SeenFace, Shot, Sighting};
use gallery::Scale;
use store::PersonId;

use super::passage::{Change, Moment, Passage, Place};

/// Passages at once before one camera. More are not people; and each may hold a whole frame in memory.
const MOST: usize = 64;

/// Who passes before one camera: sightings in, states of events out. One passage of one person is one event, however often
/// the face is lost and found. Takes its time from the frames.
#[derive(Debug)]
pub(super) struct Passages {
    place: Place,
    scale: Scale,
    passages: Vec<Passage>,
}

impl Passages {
    /// Nobody yet.
    pub fn new(place: Place, scale: Scale) -> Self {
        Self { place, scale, passages: Vec::new() }
    }

    /// What is to be told after this sighting.
    pub fn follow(&mut self, sighting: &Sighting) -> Vec<Change> {
        let now = Moment::from(&*sighting.frame);
        for face in &sighting.faces {
            match &face.evidence {
                Some(evidence) => self.on_track(evidence, now).see(evidence, now),
                None => self.see_unfollowed(face, sighting),
            }
        }
        for evidence in &sighting.ended {
            self.on_track(evidence, now).end_track(evidence, now);
        }
        let mut changes = self.rest(now);
        changes.extend(self.crowded_out());
        changes
    }

    /// What is to be told because time goes by, whether anything is seen or not.
    pub fn rest(&mut self, now: Moment) -> Vec<Change> {
        self.lose_silent_tracks(now);
        self.make_events(now);
        self.changes(now)
    }

    /// Ends all passages: nothing more will be seen.
    pub fn end(&mut self) -> Vec<Change> {
        let place = &self.place;
        self.passages.drain(..).filter_map(|mut passage| passage.end(place)).collect()
    }

    /// The passage of who is on this track. A track that names somebody else than before has gone over to that person;
    /// so has one that turns out to show a picture of somebody who was let pass, or somebody living after a picture.
    fn on_track(&mut self, evidence: &Arc<Evidence>, now: Moment) -> &mut Passage {
        let held = self.passages.iter().position(|passage| passage.is_on(evidence.track));
        match held {
            Some(at) if self.passages[at].agrees_with(evidence) => &mut self.passages[at],
            Some(at) => {
                self.passages[at].leave(evidence.track);
                self.add(Passage::on_track(evidence, now.captured_at, now))
            }
            None => self.add(Passage::on_track(evidence, evidence.started_at, now)),
        }
    }

    fn add(&mut self, passage: Passage) -> &mut Passage {
        self.passages.push(passage);
        let last = self.passages.len() - 1;
        &mut self.passages[last]
    }

    /// Without tracks there is one passage a person, and none of people who are not recognised: they could not be told
    /// from one another.
    fn see_unfollowed(&mut self, face: &SeenFace, sighting: &Sighting) {
        let Some(nearest) = face.nearest.as_ref().filter(|_| face.verdict.is_known()) else { return };
        let now = Moment::from(&*sighting.frame);
        let evidence = Arc::new(evidence_of(face, sighting));
        match self.passage_of(nearest.person) {
            Some(passage) => passage.see(&evidence, now),
            None => self.add(Passage::unfollowed(&evidence, now)).see(&evidence, now),
        }
    }

    fn passage_of(&mut self, person: PersonId) -> Option<&mut Passage> {
        self.passages.iter_mut().find(|passage| passage.person() == Some(person))
    }

    fn lose_silent_tracks(&mut self, now: Moment) {
        self.passages.iter_mut().filter(|passage| passage.is_over(now)).for_each(Passage::lose_tracks);
    }

    /// Makes events of those whose time has come, or lets an event go on that was theirs already.
    fn make_events(&mut self, now: Moment) {
        let mut at = 0;
        while at < self.passages.len() {
            if !self.passages[at].is_due(now, self.place.enrol_norm) {
                at += 1;
            } else if let Some(earlier) = self.earlier(at, now) {
                let later = self.passages.remove(at);
                let earlier = if earlier < at { earlier } else { earlier - 1 };
                self.passages[earlier].join(later);
            } else {
                self.passages[at].tell();
                at += 1;
            }
        }
    }

    /// The event that the passage at this place goes on from: of several, the nearest.
    fn earlier(&self, at: usize, now: Moment) -> Option<usize> {
        let later = &self.passages[at];
        let told = self.passages.iter().enumerate().filter(|(_, passage)| passage.is_told() && !passage.is_over(now));
        let near = told.filter_map(|(at, passage)| Some((at, later.goes_on_from(passage, &self.scale)?)));
        near.min_by(|(_, one), (_, two)| one.total_cmp(two)).map(|(at, _)| at)
    }

    fn changes(&mut self, now: Moment) -> Vec<Change> {
        let mut changes = Vec::new();
        self.passages.retain_mut(|passage| {
            let is_over = passage.is_over(now);
            changes.extend(if is_over { passage.end(&self.place) } else { passage.change(now.read_at, &self.place) });
            passage.release_frame();
            !is_over && !passage.is_nothing(self.place.enrol_norm)
        });
        changes
    }

    /// Ends those that were seen longest ago when there are too many.
    fn crowded_out(&mut self) -> Vec<Change> {
        let mut ended = Vec::new();
        while self.passages.len() > MOST {
            let oldest = (0..self.passages.len()).min_by_key(|at| self.passages[*at].seen());
            let Some(oldest) = oldest else { break };
            ended.extend(self.passages.remove(oldest).end(&self.place));
        }
        ended
    }
}

/// What is known of a face that is judged by one picture.
fn evidence_of(face: &SeenFace, sighting: &Sighting) -> Evidence {
    let rule = sighting.rule;
    let (at, area) = (sighting.frame.captured_at, face.detection.area);
    let shot = Shot {
        at,
        area,
        score: face.detection.score,
        quality: face.quality,
        yaw: 0.0,
        weight: 1.0,
        nearest: face.nearest.clone(),
    };
    Evidence {
        track: 0,
        started_at: at,
        last_seen_at: at,
        frames: 1,
        shots: vec![shot],
        fused: face.embedding.clone(),
        nearest: face.nearest.clone(),
        agreeing: 1,
        strong: face.nearest.as_ref().is_some_and(|nearest| nearest.distance < rule.strong),
        liveness: face.liveness.map(liveness_of),
        verdict: face.verdict,
        denied: None,
        rule,
        best: Some(BestShot { frame: sighting.frame.clone(), area }),
        attributes: face.attributes,
    }
}

/// One score is all that there is.
fn liveness_of(score: f32) -> Liveness {
    let state = if score >= LIVE_FROM { LivenessState::Alive } else { LivenessState::Spoof };
    Liveness { score, shots: 1, state, turn: None }
}
