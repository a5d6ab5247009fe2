use std::sync::{Arc, Once};

use anyhow::Context;
use camera::{LivenessMode, LivenessRule, Rule, SeenFace};
use events::Calendar;
use face::{AttributeChoice, DecodeLimits, Engine, EnginePool, FaceError, OtherPacks, Runtime};
use gallery::{Candidate, EnrolError, EnrolPolicy, Enrolled, Gallery, PersonName, Scale};
use models::{Cache, Catalog, InstalledPack, Shelf};
use store::Store;
use tokio::sync::{Mutex, Semaphore};

use crate::bulk::BulkLimits;
use crate::http::{FORM_BYTES, Intake};
use crate::settings::{Megabytes, Settings};
use crate::strictness;

/// Photos that may wait for each engine; more are answered with 503 at once instead of slowly.
const PHOTOS_PER_ENGINE: usize = 16;

/// Photos of the largest size that may be in memory while they are still being received.
const PHOTOS_COMING: u64 = 16;

/// Archives that may be on disk while their photos are enrolled, and as many of the largest size while they are still
/// being received.
const ARCHIVES: usize = 2;

/// An archive may unpack to this many times the size that it may have: photos hardly shrink in a ZIP.
const UNPACK_FACTOR: u64 = 4;

/// What every way of using the program stands on: settings, database, gallery and engines. Cheap to clone.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    calendar: Calendar,
    store: Store,
    gallery: Gallery,
    engines: EnginePool,
    /// One for each engine, and one for who waits for an engine on a thread of his own and has it the moment it is free. The others occupy no thread while
    /// they wait.
    turns: Arc<Semaphore>,
    photos: Intake,
    archives: Intake,
    /// Held from the comparison with who is enrolled to the enrolment: two at once would not see each other.
    enrolling: Mutex<()>,
    /// An attribute model that fails is told once.
    attributes_failed: Once,
}

/// Attributes are estimated of so many faces of a photo, the largest: a smile takes as long as ten embeddings.
const FACES_WITH_ATTRIBUTES: usize = 32;

/// Everybody in a photo.
pub struct PhotoFaces {
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// Every face, the largest first.
    pub seen: Vec<SeenFace>,
    /// Width in pixels of the largest face that is too small to be recognised.
    pub too_small: Option<u32>,
    /// By which rule they were judged.
    pub rule: Rule,
}

impl App {
    /// Opens the models and the database and loads the gallery.
    ///
    /// # Errors
    /// Missing models, a library that cannot be loaded, a database that cannot be opened.
    pub async fn open(settings: Settings, engines: usize) -> anyhow::Result<Self> {
        let calendar = settings.calendar();
        let (runtime, installed) = models_of(&settings)?;
        strictness::must_be_known(settings.th_accept, &Scale::of(&installed.pack.embedder))?;
        let store = Store::open(&settings.database()).await?;
        let catalog = catalog_of(&settings)?;
        let gallery = Gallery::unread(store.clone(), &installed.pack, &catalog);
        let shelf = Shelf::new(catalog, Cache::new(settings.models_folder()));
        let others = OtherPacks::new(shelf, gallery.wanted_spaces().clone());
        let open = move || EnginePool::open(&runtime, &installed, engines, Some(others));
        let (read, opened) = tokio::join!(gallery.read(), tokio::task::spawn_blocking(open));
        read?;
        let engines_pool = opened??;
        must_follow(settings.liveness_rule(), settings.tracking)?;
        let (pool, beside) = (engines_pool.clone(), (settings.liveness, settings.attributes));
        tokio::task::spawn_blocking(move || open_beside(&pool, beside.0, beside.1)).await??;
        let engines = engines.max(1);
        let turns = Arc::new(Semaphore::new(engines + 1));
        let photos = Intake::new(PHOTOS_PER_ENGINE * engines, PHOTOS_COMING * largest(settings.max_image_mb));
        let archives = Intake::new(ARCHIVES, ARCHIVES as u64 * largest(settings.max_zip_mb));
        let shared = Shared {
            settings,
            calendar,
            store,
            gallery,
            engines: engines_pool,
            turns,
            photos,
            archives,
            enrolling: Mutex::new(()),
            attributes_failed: Once::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The same for a process that watches cameras, where TH_ACCEPT must be one by which somebody passes.
    ///
    /// # Errors
    /// Those of [`App::open`], and a TH_ACCEPT that is out of reach with the people who are enrolled.
    pub async fn open_for_cameras(settings: Settings, engines: usize) -> anyhow::Result<Self> {
        let app = Self::open(settings, engines).await?;
        strictness::must_be_in_reach(app.settings().th_accept, app.gallery().people())?;
        Ok(app)
    }

    /// The effective settings.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Where days begin, and which are holidays.
    pub fn calendar(&self) -> &Calendar {
        &self.shared.calendar
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Everybody enrolled.
    pub fn gallery(&self) -> &Gallery {
        &self.shared.gallery
    }

    /// When a face is accepted, by the settings and by how many people are enrolled now.
    pub fn rule(&self) -> Rule {
        self.settings().acceptance(None).rule_for(self.gallery())
    }

    /// Engines for cameras, apart from those for photos: however many photos are sent, the cameras go on.
    pub fn camera_engines(&self) -> EnginePool {
        self.shared.engines.apart(self.settings().engines())
    }

    /// Limits for archives and folders of photos.
    pub fn bulk_limits(&self) -> BulkLimits {
        let settings = self.settings();
        BulkLimits {
            photo_bytes: settings.max_image_mb.bytes(),
            total_bytes: settings.max_zip_mb.bytes() * UNPACK_FACTOR,
        }
    }

    /// Photos that callers send.
    pub fn photos(&self) -> &Intake {
        &self.shared.photos
    }

    /// Archives that callers send.
    pub fn archives(&self) -> &Intake {
        &self.shared.archives
    }

    /// Finds the face of a photo that is to be enrolled.
    ///
    /// # Errors
    /// What is wrong with the photo.
    pub async fn examine(&self, photo: Vec<u8>) -> Result<Candidate, EnrolError> {
        let app = self.clone();
        let examined = self.with_engine(move |engine| {
            let keep = app.settings().keep_photos;
            Candidate::from_photo(engine, app.gallery().gates(), &photo, &app.decode_limits(), keep)
        });
        Ok(examined.await?)
    }

    /// Compares photos that are to be enrolled as `name` with who is enrolled, and adds what follows to their findings.
    pub async fn compare(&self, name: &PersonName, candidates: &mut [&mut Candidate], policy: EnrolPolicy) {
        self.gallery().compare(name, candidates, policy, self.rule().threshold).await;
    }

    /// Compares photos likewise and enrols those that `policy` takes; nobody else is enrolled by this process in between. `None` when
    /// `policy` takes none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enrol(
        &self,
        name: &PersonName,
        candidates: &mut [&mut Candidate],
        policy: EnrolPolicy,
    ) -> Result<Option<Enrolled>, EnrolError> {
        let _in_turn = self.shared.enrolling.lock().await;
        self.compare(name, candidates, policy).await;
        let fit: Vec<&Candidate> =
            candidates.iter().map(|face| &**face).filter(|face| !face.is_refused(policy)).collect();
        match fit.as_slice() {
            [] => Ok(None),
            fit => self.gallery().enrol(name, fit.iter().copied()).await.map(Some),
        }
    }

    /// Finds and names every face of a photo.
    ///
    /// # Errors
    /// What is wrong with the photo.
    pub async fn recognize(&self, photo: Vec<u8>) -> Result<PhotoFaces, FaceError> {
        let app = self.clone();
        self.with_engine(move |engine| {
            let image = engine.read(&photo, &app.decode_limits())?;
            let found = engine.faces(&image, 1.0)?;
            let rule = app.rule();
            let settings = app.settings();
            let (liveness, attributes) = (settings.liveness, settings.attributes);
            let mut seen = Vec::with_capacity(found.faces.len());
            for face in found.faces {
                let area = face.area;
                let mut named = SeenFace::alone(face.clone(), app.gallery().search(&face.embedding), &rule);
                if liveness.is_on() {
                    named = named.looked_at(engine.liveness(&image, &area)?, liveness);
                }
                if attributes != AttributeChoice::OFF && seen.len() < FACES_WITH_ATTRIBUTES {
                    let looked = engine.attributes(&image, &named.detection, &named.landmarks, attributes);
                    // Nothing is decided by them, and nobody is kept out for want of them.
                    if let Err(error) = &looked {
                        app.shared.attributes_failed.call_once(|| tracing::error!(%error, "ATTRIBUTES: left out"));
                    }
                    named.attributes = looked.ok();
                }
                seen.push(named);
            }
            Ok(PhotoFaces { width: image.width(), height: image.height(), seen, too_small: found.too_small, rule })
        })
        .await
    }

    fn decode_limits(&self) -> DecodeLimits {
        DecodeLimits { megapixels: self.settings().max_image_mp.0 }
    }

    /// Runs `work` with one of the engines, on a thread that may take its time. Whoever gives up waiting for a turn takes `work`, and
    /// the photo in it, along; whoever has his turn is counted until the end of it, wanted or not.
    async fn with_engine<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine) -> Result<R, FaceError> + Send + 'static,
    ) -> Result<R, FaceError> {
        let failed = |error: &dyn std::fmt::Display| FaceError::Inference(error.to_string());
        let turn = self.shared.turns.clone().acquire_owned().await.map_err(|error| failed(&error))?;
        let engines = self.shared.engines.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            engines.with(work)
        })
        .await
        .unwrap_or_else(|error| Err(failed(&error)))
    }
}

/// Opens the models beside the main path that the settings ask for: that one cannot be used is to be known at the start.
fn open_beside(pool: &EnginePool, liveness: LivenessMode, attributes: AttributeChoice) -> anyhow::Result<()> {
    if liveness.is_on() {
        pool.with(Engine::open_liveness)
            .context("LIVENESS is on, and nothing can tell whether a face is alive: set it to off, or mend this")?;
    }
    pool.with(|engine| engine.open_attributes(attributes))
        .context("ATTRIBUTES cannot be estimated: set it to off, or mend this")
}

/// Bytes of the largest form with a file of this size.
fn largest(file: Megabytes) -> u64 {
    file.bytes() + FORM_BYTES
}

/// Where faces are not followed each frame is a new try, and a refusal no event: pictures cannot be refused like that, and no head turns.
///
/// # Errors
/// Where it is asked for all the same.
pub fn must_follow(liveness: LivenessRule, tracking: bool) -> anyhow::Result<()> {
    anyhow::ensure!(
        liveness.mode.is_on() || !liveness.turn,
        "LIVENESS_TURN needs LIVENESS: while that is off nobody looks whether a head turns. Set LIVENESS to enforce (or observe, which only \
         tells), or LIVENESS_TURN to false; a camera may have a liveness and a liveness_turn of its own"
    );
    anyhow::ensure!(
        tracking || !liveness.turn,
        "LIVENESS_TURN needs TRACKING: a single frame shows no turn. Set TRACKING to true, or LIVENESS_TURN to false"
    );
    anyhow::ensure!(
        tracking || liveness.mode != LivenessMode::Enforce,
        "LIVENESS = enforce needs TRACKING: without it each frame is a new try for a picture, and nobody hears of those that are \
         refused. Set TRACKING to true, or LIVENESS to observe or off"
    );
    Ok(())
}

/// The inference library, loaded, and the chosen pack's files.
///
/// # Errors
/// When something is not installed, or cannot be loaded.
pub fn models_of(settings: &Settings) -> anyhow::Result<(Runtime, InstalledPack)> {
    let catalog = catalog_of(settings)?;
    let cache = Cache::new(settings.models_folder());
    let installed = cache.installed(&catalog, &settings.model_pack)?;
    for role in settings.attributes.roles() {
        installed.side(role).context("ATTRIBUTES cannot be estimated")?;
    }
    let installed = if settings.int8 { cache.in_int8(installed) } else { installed };
    let runtime = Runtime::load(&cache.runtime(&catalog)?)?;
    if !installed.pack.main_path().all(|file| cache.is_tuned(&catalog, file)) {
        tracing::info!(
            "models are not tuned for this processor: `vultus models pull` makes the start and recognition quicker"
        );
    }
    if installed.pack.embedder.curve.is_empty() {
        tracing::warn!(
            pack = installed.pack.name,
            "this pack has no distance curve: TH_ACCEPT means its own raw distance, not the usual scale"
        );
    }
    Ok((runtime, installed))
}

/// The built-in packs and those of the user's own `models.toml`.
///
/// # Errors
/// When that file is wrong.
pub fn catalog_of(settings: &Settings) -> anyhow::Result<Catalog> {
    match settings.own_catalog() {
        Some(file) => Catalog::with_file(&file).with_context(|| format!("in {}", file.display())),
        None => Ok(Catalog::builtin()),
    }
}
