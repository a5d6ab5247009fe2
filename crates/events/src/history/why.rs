//! Decisions in words: what a reason means, and what to do.

use camera::{Evidence, Liveness, LivenessState, Reason};

/// Why a passage was decided as it was.
pub(super) fn sentence(evidence: &Evidence, followed: bool) -> String {
    match (evidence.verdict.reason(), &evidence.nearest) {
        (None, nearest) => {
            let accepted = accepted(evidence, nearest.as_ref().map_or("?", |nearest| &nearest.name), followed);
            // Only where it is not enforced.
            let is_spoof = evidence.liveness.is_some_and(|liveness| liveness.state == LivenessState::Spoof);
            let doubt = " It looks like a print or a screen, and LIVENESS is observe: it refuses nobody.";
            if is_spoof { accepted + doubt } else { accepted }
        }
        (Some(reason), _) => refused(evidence, reason),
    }
}

fn accepted(evidence: &Evidence, name: &str, followed: bool) -> String {
    let rule = &evidence.rule;
    let threshold = rule.threshold;
    if !followed {
        return format!("Accepted as {name}: nearer than {threshold} in one frame, and TRACKING is off.");
    }
    match (evidence.agreeing, evidence.strong) {
        (agreeing, true) => format!(
            "Accepted as {name}: a clear shot nearer than {} counts for all {} that are asked for; {agreeing} agree in all.",
            rule.strong, rule.shots
        ),
        (1, false) => format!("Accepted as {name}: one shot is nearer than {threshold}, and one is asked for."),
        (agreeing, false) => format!(
            "Accepted as {name}: {agreeing} shots agree, each nearer than {threshold}, and {} are asked for.",
            rule.shots
        ),
    }
}

fn refused(evidence: &Evidence, reason: Reason) -> String {
    let rule = &evidence.rule;
    match reason {
        Reason::TooSmall => {
            "The face had too few pixels to recognise anybody by. Mount the camera nearer, zoom in, or use a \
                             higher resolution."
                .to_owned()
        }
        Reason::Blurred => {
            "The face was seen too unclearly: blurred, dark, or hardly a face. More light, a shorter exposure \
                            and a clean, focused lens help."
                .to_owned()
        }
        Reason::TurnedAway => {
            "The face was only seen from the side. Mount the camera where people look when they come, at \
                               the height of their heads."
                .to_owned()
        }
        Reason::NobodyEnrolled => "Nobody is enrolled, so nobody can be recognised. Register people first.".to_owned(),
        Reason::BelowThreshold => below_threshold(evidence),
        Reason::TooNearToTwo => too_near_to_two(evidence),
        Reason::TooFewShots => format!(
            "Only {} of the {} shots that are asked for were nearer than {}, and none of them was both clear and nearer than {}. Let people stay \
             in view longer, enrol better photos, or lower PASS_SHOTS.",
            evidence.agreeing, rule.shots, rule.threshold, rule.strong
        ),
        Reason::Refuted => {
            "The face is too much like one of which somebody said that it is not this person. If it was, take that \
                            correction back, or enrol one more photo."
                .to_owned()
        }
        Reason::Spoof => {
            let near = evidence.nearest.as_ref().filter(|nearest| nearest.distance < rule.threshold);
            let whose = near.map(|nearest| format!(" It is like {} ({}).", nearest.name, nearest.distance));
            format!(
                "The face does not look alive: it looks like a print or a screen held before the camera.{} If it was a living person, \
                 more even light and a nearer camera help; docs/reference/liveness.md says what else.",
                whose.unwrap_or_default()
            )
        }
        Reason::NotSeenAlive => {
            "The face has not been seen to be alive in enough shots. Let people stay in view longer, nearer to the camera."
                .to_owned()
        }
        Reason::HeadNotTurned => {
            let turned = evidence.liveness.and_then(|liveness| liveness.turn).unwrap_or_default();
            format!(
                "The face looks alive, and the head has turned by {turned}° only: turn your head to one side and back, slowly, so that                  it turns by {}°. LIVENESS_TURN asks for that.",
                Liveness::TURNED_FROM
            )
        }
        Reason::NotYetValid
        | Reason::Expired
        | Reason::Suspended
        | Reason::NotAllowedHere
        | Reason::NotAllowedNow
        | Reason::AlreadyInside => denied(evidence, reason),
    }
}

/// The access rules know more than the reason; not of a face that is judged by one picture.
fn denied(evidence: &Evidence, reason: Reason) -> String {
    if let Some(sentence) = &evidence.denied {
        return sentence.to_string();
    }
    let name = evidence.nearest.as_ref().map_or("?", |nearest| &nearest.name);
    let why = match reason {
        Reason::NotYetValid => "may not pass anywhere yet: see `valid_from`",
        Reason::Expired => "may not pass anywhere any more: see `valid_until`",
        Reason::Suspended => "is suspended, and passes nowhere until that is taken back",
        Reason::NotAllowedHere => "is in none of the groups that may pass here: see `access` of the camera",
        Reason::AlreadyInside => {
            "has entered already and was not seen to leave, and this door group lets nobody enter twice"
        }
        _ => "may not pass here at this time: see `access` of the camera",
    };
    format!("{name} {why}.")
}

fn below_threshold(evidence: &Evidence) -> String {
    let threshold = evidence.rule.threshold;
    match &evidence.nearest {
        Some(nearest) => format!(
            "Nobody enrolled is near enough: {} is nearest with {}, and below {threshold} is asked for. If it was {0}, enrol \
             one more photo, taken by this camera.",
            nearest.name, nearest.distance
        ),
        None => format!("Nobody enrolled is nearer than {threshold}."),
    }
}

fn too_near_to_two(evidence: &Evidence) -> String {
    let named = evidence.nearest.as_ref().and_then(|nearest| Some((nearest, nearest.runner_up.as_ref()?)));
    match named {
        Some((nearest, second)) => format!(
            "{} ({}) and {} ({}) are about equally near: a difference of more than {} is asked for. If they are one person \
             enrolled twice, remove one; if they look alike, enrol more photos of both.",
            nearest.name, nearest.distance, second.name, second.distance, evidence.rule.margin
        ),
        None => "Two people are about equally near. Enrol more photos of both.".to_owned(),
    }
}
