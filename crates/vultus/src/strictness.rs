//! What TH_ACCEPT comes to with the people who are enrolled, and who says so.

use std::collections::BTreeMap;
use std::time::Duration;

use gallery::{Distance, FMR_POINTS, Scale, Strictness};
use tokio::time::sleep;

use crate::app::App;
use crate::cameras::Cameras;

/// How often it is looked whether somebody was enrolled or removed. So a thousand people who are enrolled one by one in a few
/// minutes are not a thousand lines of the log.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A smaller change is not worth a line.
const WORTH_TELLING: f32 = 0.001;

/// What is said of a threshold for which there is no measurement.
pub const BEYOND_MEASURE: &str = "so few false matches were never measured, so this is a guess: with the default pack on the safe side, and it may refuse more of those enrolled";

/// What is said where a wanted FPIR asks for more than can be guessed at.
const OUT_OF_REACH: &str = "this asks for more than a hundred times fewer false matches than were ever measured, and hardly anybody \
                            would pass: ask for a larger share of strangers, or set a distance";

/// A wanted FPIR may go beyond what was measured, but not so far that nobody passes.
///
/// # Errors
/// Where it does with so many people.
pub fn must_be_in_reach(strictness: Strictness, people: usize) -> anyhow::Result<()> {
    anyhow::ensure!(
        !strictness.is_out_of_reach(people),
        "TH_ACCEPT = {strictness} with {people} people is a distance below {}: {OUT_OF_REACH}",
        strictness.threshold(people)
    );
    Ok(())
}

/// A wanted FPIR needs false match rates, which a pack has by its distance curve.
///
/// # Errors
/// Where it has none, or its curve does not reach down to the distance for one person.
pub fn must_be_known(strictness: Strictness, scale: &Scale) -> anyhow::Result<()> {
    anyhow::ensure!(
        scale.has_curve() || !strictness.follows_the_gallery(),
        "TH_ACCEPT = {strictness} needs the model pack's distance curve, and this pack has none: make one with \
         `vultus eval --curve` on photos of many people and put it into models.toml, or set TH_ACCEPT to a distance"
    );
    let (threshold, least) = (strictness.threshold(1), scale.least_measured());
    anyhow::ensure!(
        strictness.is_measured(1, scale) || least.is_none_or(|least| least <= LEAST_OF_THE_SCALE),
        "TH_ACCEPT = {strictness} takes a distance below {threshold} with one person already, and the model pack's curve was not measured \
         below {}: make one with `vultus eval --curve` on photos of more people, or set TH_ACCEPT to a distance",
        least.unwrap_or(LEAST_OF_THE_SCALE)
    );
    Ok(())
}

/// The least distance of the contract's scale at which false matches were measured: a pack's curve can reach no lower.
const LEAST_OF_THE_SCALE: Distance = FMR_POINTS[0].0;

/// Says in the log below which distance faces are accepted: at first, and whenever it has moved; of a camera where it has a
/// strictness of its own. For ever.
pub async fn tell(app: App, cameras: Cameras) {
    let (mut told, mut is_measured, mut is_in_reach) = (Told::default(), true, true);
    loop {
        let (asked, people) = (app.settings().th_accept, app.gallery().people());
        let threshold = app.rule().threshold;
        if told.is_news("", threshold) {
            tracing::info!(th_accept = %asked, people, "accepted are faces nearer than {threshold}");
        }
        let was_measured = std::mem::replace(&mut is_measured, asked.is_measured(people, app.gallery().scale()));
        if was_measured && !is_measured {
            tracing::warn!(th_accept = %asked, people, %threshold, "{BEYOND_MEASURE}");
        }
        let was_in_reach = std::mem::replace(&mut is_in_reach, !asked.is_out_of_reach(people));
        if was_in_reach && !is_in_reach {
            tracing::warn!(th_accept = %asked, people, %threshold, "{OUT_OF_REACH}");
        }
        for camera in cameras.here() {
            let own = camera.status.threshold().filter(|own| (own.value() - threshold.value()).abs() > WORTH_TELLING);
            if let Some(own) = own
                && told.is_news(&camera.id, own)
            {
                tracing::info!(camera = camera.id, "accepted are faces nearer than {own}");
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What was told last: by the camera's id, and of the service by none.
#[derive(Default)]
struct Told(BTreeMap<String, Distance>);

impl Told {
    fn is_news(&mut self, of: &str, threshold: Distance) -> bool {
        let moved = |told: &Distance| (told.value() - threshold.value()).abs() > WORTH_TELLING;
        let is_news = self.0.get(of).is_none_or(moved);
        if is_news {
            self.0.insert(of.to_owned(), threshold);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanted_fpir_needs_a_curve_and_a_distance_does_not() {
        let mut embedder = models::Catalog::builtin().pack("default").unwrap().embedder.clone();
        let (fpir, distance) = (Strictness::Fpir(0.001), Strictness::Below(Distance::new(0.45)));
        assert!(must_be_known(fpir, &Scale::of(&embedder)).is_ok());
        // Measured down to FMR 1e-3 only, and a third of 1e-3 is wanted.
        embedder.curve.drain(1..4);
        let refused = must_be_known(fpir, &Scale::of(&embedder)).unwrap_err().to_string();
        assert!(refused.contains("not measured below 0.5437"), "{refused}");
        embedder.curve.clear();
        assert!(must_be_known(distance, &Scale::of(&embedder)).is_ok());
        let refused = must_be_known(fpir, &Scale::of(&embedder)).unwrap_err().to_string();
        assert!(refused.contains("fpir:0.001") && refused.contains("vultus eval --curve"), "{refused}");
    }

    #[test]
    fn an_fpir_that_would_let_nobody_pass_is_refused_and_any_distance_is_not() {
        assert!(must_be_in_reach(Strictness::Fpir(0.001), 10_000).is_ok());
        assert!(must_be_in_reach(Strictness::Below(Distance::new(0.01)), 1_000_000).is_ok());
        let refused = must_be_in_reach(Strictness::Fpir(1e-9), 1_000).unwrap_err().to_string();
        assert!(
            refused.contains("fpir:0.000000001 with 1000 people") && refused.contains("set a distance"),
            "{refused}"
        );
    }

    #[test]
    fn a_threshold_is_news_at_first_and_when_it_has_crept_away_from_what_was_told() {
        let mut told = Told::default();
        let mut tells = |of: &str, value: f32| told.is_news(of, Distance::new(value));
        assert!(tells("", 0.5));
        assert!(!tells("", 0.4996) && !tells("", 0.4992));
        assert!(tells("", 0.4988));
        assert!(tells("door", 0.4988) && !tells("door", 0.4988));
    }
}
