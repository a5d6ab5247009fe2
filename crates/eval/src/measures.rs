use std::collections::{BTreeMap, HashMap};

use gallery::{Distance, RawDistance, Scale, Strictness};
use serde::Serialize;

use crate::EvalError;
use crate::compare::{Compared, Pair, accepted_by_owner, compare_all, compare_listed};
use crate::dataset::Listed;
use crate::distances::{Distances, Edge};
use crate::identify::{Identification, edge_of, identify};
use crate::interval::{Interval, short};
use crate::population::Population;
use crate::propose::{Proposal, Wanted, written};
use crate::verification::{auc, edge_at, equal_error, roc, tar};

/// The false match rates at which true accepts are told, with their keys in JSON.
const RATES: [(&str, f64); 3] = [("1e-2", 1e-2), ("1e-3", 1e-3), ("1e-4", 1e-4)];

/// Impostor pairs that a told rate must rest on; fewer than a proposal's, since how many there are is told beside it.
const TOLD: f64 = 1.0;

/// Pairs that are shown of each kind.
pub(crate) const SHOWN: usize = 12;

/// What the measured pairs are judged by.
#[derive(Clone, Debug)]
pub struct Question {
    /// The pack's way from raw distances to the contract's scale.
    pub scale: Scale,
    /// TH_ACCEPT; `None` where it cannot be kept, since the pack has no curve.
    pub accept: Option<Strictness>,
    /// How many people are (to be) enrolled; `None`: as many as these photos make.
    pub people: Option<usize>,
    /// What a proposed TH_ACCEPT shall achieve.
    pub wanted: Option<Wanted>,
    /// Threads for comparing; at least 1.
    pub threads: usize,
}

impl Question {
    /// Below which distance TH_ACCEPT accepts with so many people, unless it was said how many there are.
    pub(crate) fn threshold(&self, people: usize) -> Option<Distance> {
        self.accept.map(|accept| accept.threshold(self.people.unwrap_or(people)))
    }
}

/// The statistics, by the definitions of docs/reference/eval.md. Rates are 0–1; null is what cannot be measured on this data.
#[derive(Clone, Debug, Serialize)]
pub struct Measures {
    /// How many pairs.
    pub pairs: PairCounts,
    /// Share of genuine pairs accepted at a false match rate.
    pub tar_at_fmr: ByRate<f64>,
    /// 95 % intervals of these: the wider of Wilson's and a bootstrap over identities.
    pub tar_at_fmr_ci: ByRate<Interval>,
    /// The thresholds for these.
    pub thresholds: ByRate<Threshold>,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Equal error rate.
    pub eer: Option<f64>,
    /// Where it lies.
    pub eer_threshold: Option<Threshold>,
    /// LFW's accuracy.
    pub accuracy_10fold: Option<f64>,
    /// The standard deviation of the ten folds.
    pub accuracy_10fold_std: Option<f64>,
    /// Share of photos whose nearest other photo is of the same person.
    pub rank1: Option<f64>,
    /// Its 95 % interval after Wilson.
    pub rank1_ci: Option<Interval>,
    /// Share of photos of whose five nearest one is of the same person.
    pub rank5: Option<f64>,
    /// How TH_ACCEPT does; null where the pack has no curve to keep it by.
    pub at_th_accept: Option<AtThreshold>,
    /// One against many, with strangers.
    pub identification: Option<Identification>,
    /// The proposed TH_ACCEPT, where one was asked for.
    pub proposal: Option<Proposal>,
    /// (false match rate, true accept rate).
    pub roc: Vec<(f64, f64)>,
    /// The pairs that are hardest to tell.
    pub worst: Worst,
    /// For drawing: genuine and impostor pairs by raw distance, in 100 stretches from 0 to 2.
    #[serde(skip)]
    pub histograms: [Vec<f64>; 2],
    /// For the curve of a pack.
    #[serde(skip)]
    pub impostor: Distances,
}

/// A value for each false match rate that is told.
pub type ByRate<T> = BTreeMap<&'static str, Option<T>>;

/// Pairs.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct PairCounts {
    /// Of one person.
    pub genuine: u64,
    /// Of two people: those of the list, or all.
    pub impostor: u64,
    /// Impostor pairs that thresholds for a false match rate rest on: all among the photos where it is known who they are of.
    pub impostor_all: u64,
}

/// A threshold, and how many impostor pairs are nearer.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Threshold {
    /// On the contract's scale.
    pub distance: Distance,
    /// As the model's own distance.
    pub raw_distance: RawDistance,
    /// Impostor pairs below it, of `impostor_all`.
    pub false_matches: u64,
}

/// How a threshold does on these photos.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AtThreshold {
    /// On the contract's scale.
    pub distance: Distance,
    /// As the model's own distance.
    pub raw_distance: RawDistance,
    /// Share of impostor pairs accepted.
    pub fmr: Option<f64>,
    /// Its 95 % interval after Wilson, as if pairs were independent.
    pub fmr_ci: Interval,
    /// Share of genuine pairs accepted.
    pub tar: Option<f64>,
}

/// Pairs that are hardest to tell, a photo in at most two of them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Worst {
    /// Of one person, the farthest first.
    pub genuine: Vec<WorstPair>,
    /// Of two people, the nearest first.
    pub impostor: Vec<WorstPair>,
}

/// Two photos and how far they are from each other.
#[derive(Clone, Debug, Serialize)]
pub struct WorstPair {
    /// One photo.
    pub a: String,
    /// The other.
    pub b: String,
    /// On the contract's scale.
    pub distance: Distance,
    /// As the model's own distance.
    pub raw_distance: RawDistance,
    /// Where both stand in the population.
    #[serde(skip)]
    pub places: [usize; 2],
}

/// The pairs of a list, with the places of its photos in the population.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// The pairs.
    pub pairs: &'a [Listed],
    /// Where each photo of the list stands in the population.
    pub places: &'a [Option<usize>],
    /// Whether photos of different owners are of different people.
    pub strangers_known: bool,
}

impl Measures {
    /// Measures a population: the pairs of a list, or all pairs.
    ///
    /// # Errors
    /// [`EvalError::NoGenuinePair`] or a wanted rate that makes no sense. `source` names what was measured.
    pub fn of(
        population: &Population,
        list: Option<List<'_>>,
        question: &Question,
        source: &str,
    ) -> Result<Self, EvalError> {
        let scale = &question.scale;
        let knows_strangers = list.is_none_or(|list| list.strangers_known);
        let all = knows_strangers.then(|| compare_all(population, scale, question.threads));
        let listed = list.map(|list| compare_listed(population, scale, list.pairs, list.places));
        let (pairs, all) = match (&listed, &all) {
            (Some(listed), Some(all)) => (listed, Some(all)),
            (Some(listed), None) => (listed, None),
            (None, Some(all)) => (all, Some(all)),
            (None, None) => return Err(EvalError::NoGenuinePair { path: source.to_owned() }),
        };
        if pairs.genuine.all() == 0 {
            return Err(EvalError::NoGenuinePair { path: source.to_owned() });
        }
        let impostor = all.map_or(&pairs.impostor, |all| &all.impostor);
        let proposal = question.wanted.map(|wanted| wanted.proposal(&pairs.genuine, impostor, scale)).transpose()?;
        let identification = all.and_then(|_| identify(population, question, impostor));
        // Where nobody is enrolled two photos are compared, as `vultus verify` does.
        let accepted = identification.as_ref().map(|found| found.threshold).or_else(|| question.threshold(1));
        let accuracy = pairs.folds.accuracy(list.is_none());
        let equal = equal_error(&pairs.genuine, &pairs.impostor);
        let ranks = all.map(|all| all.ranks).filter(|ranks| ranks.probes > 0);
        let threshold = |edge: Edge| Threshold {
            distance: written(edge, scale),
            raw_distance: RawDistance(edge.raw()),
            false_matches: impostor.below(edge),
        };
        let edges = RATES.map(|(_, rate)| edge_at(impostor, rate, TOLD));
        let by_rate = |value: &dyn Fn(Edge) -> f64| rates(edges.map(|edge| edge.map(value)));
        Ok(Self {
            pairs: PairCounts {
                genuine: pairs.genuine.all(),
                impostor: pairs.impostor.all(),
                impostor_all: impostor.compared(),
            },
            tar_at_fmr: by_rate(&|edge| short(tar(&pairs.genuine, edge))),
            tar_at_fmr_ci: rates(intervals(population, scale, list, edges)),
            thresholds: rates(edges.map(|edge| edge.map(threshold))),
            auc: auc(&pairs.genuine, &pairs.impostor).map(short),
            eer: equal.map(|equal| short(equal.rate)),
            eer_threshold: equal.map(|equal| threshold(equal.edge)),
            accuracy_10fold: accuracy.map(|accuracy| short(accuracy.mean)),
            accuracy_10fold_std: accuracy.map(|accuracy| short(accuracy.deviation)),
            rank1: ranks.map(|ranks| short(ranks.first as f64 / ranks.probes as f64)),
            rank1_ci: ranks.map(|ranks| Interval::wilson(ranks.first, ranks.probes)),
            rank5: ranks.map(|ranks| short(ranks.fifth as f64 / ranks.probes as f64)),
            at_th_accept: accepted.map(|threshold| at_threshold(threshold, scale, &pairs.genuine, impostor)),
            identification,
            proposal,
            roc: roc(&pairs.genuine, impostor).into_iter().map(|(fmr, tar)| (short(fmr), short(tar))).collect(),
            worst: Worst::of(pairs, all.unwrap_or(pairs), population, scale),
            histograms: [pairs.genuine.shares(100), impostor.shares(100)],
            impostor: impostor.clone(),
        })
    }
}

fn rates<T>(values: [Option<T>; 3]) -> ByRate<T> {
    RATES.into_iter().map(|(key, _)| key).zip(values).collect()
}

/// For each threshold, by identities: their own pairs stand and fall together.
fn intervals(
    population: &Population,
    scale: &Scale,
    list: Option<List<'_>>,
    edges: [Option<Edge>; 3],
) -> [Option<Interval>; 3] {
    let known = edges.map(|edge| edge.unwrap_or(Edge::END));
    let owners = match list {
        Some(list) => {
            let place = |at: usize| list.places[at];
            let genuine = list.pairs.iter().filter(|pair| pair.same);
            let pairs = genuine.filter_map(|pair| Some((place(pair.a)?, place(pair.b)?)));
            accepted_by_owner(population, scale, pairs, known)
        }
        None => {
            let photos = population.by_owner();
            let pairs = photos.iter().flat_map(|photos| {
                (0..photos.len()).flat_map(move |a| (a + 1..photos.len()).map(move |b| (photos[a], photos[b])))
            });
            accepted_by_owner(population, scale, pairs, known)
        }
    };
    std::array::from_fn(|at| {
        let groups: Vec<(u64, u64)> = owners.iter().map(|counts| counts[at]).collect();
        edges[at].map(|_| Interval::of_groups(&groups))
    })
}

fn at_threshold(distance: Distance, scale: &Scale, genuine: &Distances, impostor: &Distances) -> AtThreshold {
    let edge = edge_of(scale, distance);
    let (matches, compared) = (impostor.below(edge), impostor.compared());
    AtThreshold {
        distance,
        raw_distance: RawDistance(edge.raw()),
        fmr: (compared > 0).then(|| short(matches as f64 / compared as f64)),
        fmr_ci: Interval::wilson(matches, compared),
        tar: (genuine.all() > 0).then(|| short(tar(genuine, edge))),
    }
}

impl Worst {
    fn of(genuine: &Compared, impostor: &Compared, population: &Population, scale: &Scale) -> Self {
        let shown = |pairs: &[Pair]| {
            let mut times: HashMap<usize, u8> = HashMap::new();
            let mut rare = |pair: &&Pair| {
                let often = [pair.a, pair.b].map(|at| times.get(&at).copied().unwrap_or_default());
                let shown = often.iter().all(|times| *times < 2);
                if shown {
                    [pair.a, pair.b].into_iter().for_each(|at| *times.entry(at).or_default() += 1);
                }
                shown
            };
            let pair = |pair: &Pair| WorstPair {
                a: population.labels[pair.a].clone(),
                b: population.labels[pair.b].clone(),
                distance: scale.distance(RawDistance(pair.raw)),
                raw_distance: RawDistance(pair.raw),
                places: [pair.a, pair.b],
            };
            pairs.iter().filter(|pair| rare(pair)).take(SHOWN).map(pair).collect()
        };
        Self { genuine: shown(&genuine.farthest), impostor: shown(&impostor.nearest) }
    }
}
