//! The loop of one camera, fed through the `Source` seam with real photos as frames.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use camera::{
    Acceptance, Buffers, CameraState, CameraStatus, FfmpegOptions, FfmpegSource, Frame, LivenessRule, Look,
    LookSettings, Next, Pace, Sighting, Source, Stop, Stopper, Stream, VideoError, Watch,
};
use face::{AttributeChoice, EnginePool, Runtime, Tiles, YuvImage};
use gallery::{Distance, Gallery, PersonName, Strictness};
use models::{Cache, Catalog};
use store::Store;

const HINT: &str = "the models are not installed: run ./test, or `vultus models pull default runtime photos`";
const LONG: Duration = Duration::from_secs(60);

fn cache() -> Cache {
    let folder = std::env::var_os("MODELS_DIR").map(PathBuf::from);
    Cache::new(folder.or_else(|| Some(dirs::cache_dir()?.join("vultus"))).unwrap())
}

fn engines() -> EnginePool {
    let catalog = Catalog::builtin();
    let runtime = Runtime::load(&cache().runtime(&catalog).expect(HINT)).expect(HINT);
    EnginePool::open(&runtime, &cache().installed(&catalog, "default").expect(HINT), 1, None).expect(HINT)
}

/// A camera named door that looks at the whole picture.
fn settings() -> LookSettings {
    LookSettings {
        camera: "door".into(),
        scale: 0.5,
        region: None,
        min_face_px: 0,
        acceptance: Acceptance { strictness: Strictness::Below(Distance::new(0.45)), shots: 2 },
        tracking: true,
        motion_gate: false,
        tiles: Tiles::Off,
        liveness: LivenessRule::default(),
        attributes: AttributeChoice::OFF,
    }
}

/// A sample photo as a camera's frame.
fn frame_of(photo: &str) -> YuvImage {
    let path = cache().photos(&Catalog::builtin()).expect(HINT)[photo].clone();
    let options = FfmpegOptions { pace: Pace::Fast, ..FfmpegOptions::default() };
    let mut source = FfmpegSource::new(path.to_str().unwrap(), options).unwrap();
    source.open().unwrap().next(&Buffers::new()).unwrap().expect("one frame")
}

/// A gallery in which katya is enrolled from the face in `photo`.
async fn gallery_with_katya(folder: &tempfile::TempDir, photo: &YuvImage) -> Gallery {
    let url = format!("sqlite:{}", folder.path().join("vultus.db").display());
    let pack = Catalog::builtin().pack("default").unwrap().clone();
    let gallery = Gallery::load(Store::open(&url).await.unwrap(), &pack, &Catalog::builtin()).await.unwrap();
    let found = engines().with(|engine| engine.faces(photo, 1.0)).unwrap();
    gallery.enrol(&PersonName::parse("katya").unwrap(), &[found.faces[0].embedding.clone()]).await.unwrap();
    gallery
}

/// What a made-up camera does each time it is opened.
#[derive(Clone)]
enum Act {
    /// Shows these frames and ends as a recording does.
    Show(Vec<YuvImage>),
    /// Shows these frames as fast as they are taken, then breaks.
    Break(Vec<YuvImage>),
    /// Shows an empty room at 50 frames a second, and from when somebody has entered that one.
    Await { empty: YuvImage, somebody: YuvImage, entered: Arc<AtomicBool> },
    /// Hangs until it is stopped.
    Hang,
}

struct Made {
    acts: Vec<Act>,
    opened: Arc<AtomicUsize>,
}

impl Source for Made {
    fn open(&mut self) -> Result<Box<dyn Stream>, VideoError> {
        let turn = self.opened.fetch_add(1, Ordering::SeqCst);
        let act = self.acts[turn.min(self.acts.len() - 1)].clone();
        Ok(Box::new(Playing { act, at: 0, stopped: Arc::default() }))
    }

    fn describe(&self) -> String {
        "made-up camera".to_owned()
    }

    fn is_live(&self) -> bool {
        true
    }
}

struct Playing {
    act: Act,
    at: usize,
    stopped: Arc<(Mutex<bool>, Condvar)>,
}

impl Stream for Playing {
    fn next_if(&mut self, _: &Buffers, is_wanted: &mut dyn FnMut() -> bool) -> Result<Option<Next>, VideoError> {
        self.at += 1;
        let camera = || "made-up camera".to_owned();
        let mut next = |frame: &YuvImage| Some(if is_wanted() { Next::Frame(frame.clone()) } else { Next::Unread });
        match &self.act {
            Act::Show(frames) => Ok(frames.get(self.at - 1).and_then(next)),
            Act::Break(frames) => match frames.get(self.at - 1) {
                Some(frame) => Ok(next(frame)),
                None => Err(VideoError::Ended { camera: camera(), said: String::new() }),
            },
            Act::Await { empty, somebody, entered } => {
                thread::sleep(Duration::from_millis(20));
                if *self.stopped.0.lock().unwrap() {
                    return Err(VideoError::Stopped { camera: camera() });
                }
                Ok(next(if entered.load(Ordering::SeqCst) { somebody } else { empty }))
            }
            Act::Hang => {
                let (stopped, changed) = &*self.stopped;
                drop(changed.wait_while(stopped.lock().unwrap(), |stopped| !*stopped).unwrap());
                Err(VideoError::Stopped { camera: camera() })
            }
        }
    }

    fn fps(&self) -> Option<f64> {
        Some(25.0)
    }

    fn stopper(&self) -> Stopper {
        let stopped = Arc::clone(&self.stopped);
        Stopper::new(move || {
            *stopped.0.lock().unwrap() = true;
            stopped.1.notify_all();
        })
    }
}

struct Running {
    sightings: Receiver<Sighting>,
    status: CameraStatus,
    stop: Stop,
    opened: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

fn watch(acts: Vec<Act>, gallery: Gallery) -> Running {
    watch_by(settings(), acts, gallery)
}

fn watch_by(settings: LookSettings, acts: Vec<Act>, gallery: Gallery) -> Running {
    let opened = Arc::new(AtomicUsize::new(0));
    let source = Made { acts, opened: Arc::clone(&opened) };
    let (sender, sightings) = sync_channel(1);
    let watch = Watch::new(Box::new(source), Look::new(settings, engines(), gallery), sender);
    let (status, stop, ended) = (watch.status(), Stop::new(), Arc::new(AtomicBool::new(false)));
    let (stopped, over) = (stop.clone(), Arc::clone(&ended));
    let thread = thread::spawn(move || {
        watch.run(&stopped);
        over.store(true, Ordering::SeqCst);
    });
    Running { sightings, status, stop, opened, ended, thread }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolled_person_is_seen_with_name_and_distance_and_a_recording_ends() {
    let (photo, folder) = (frame_of("obama.jpg"), tempfile::tempdir().unwrap());
    let gallery = gallery_with_katya(&folder, &photo).await;
    let size = (photo.width(), photo.height());
    let running = watch(vec![Act::Show(vec![photo])], gallery);
    let sighting = running.sightings.recv_timeout(LONG).unwrap();
    assert_eq!(&*sighting.camera, "door");
    assert_eq!(sighting.frame.id, 1);
    let nearest = sighting.faces[0].nearest.as_ref().unwrap();
    assert_eq!(&*nearest.name, "katya");
    assert!(nearest.distance.value() < 0.01, "{}", nearest.distance);
    assert_eq!(running.sightings.recv_timeout(LONG).unwrap_err(), RecvTimeoutError::Disconnected);
    running.thread.join().unwrap();
    let report = running.status.report();
    assert_eq!(report.state, CameraState::Finished);
    assert_eq!((report.read, report.looked_at, report.dropped, report.restarts), (1, 1, 0, 0));
    assert_eq!((report.faces, report.embeddings, report.saved), (1, 1, 0));
    assert_eq!((report.picture, report.source_fps), (Some(size), Some(25.0)));
    assert!(report.latency.p50 >= report.stages.detect.p50 && report.stages.detect.p50 > Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_breaks_is_opened_again_and_its_state_says_why() {
    let (photo, folder) = (frame_of("obama.jpg"), tempfile::tempdir().unwrap());
    let gallery = gallery_with_katya(&folder, &photo).await;
    let running = watch(vec![Act::Break(vec![]), Act::Break(vec![photo.clone()]), Act::Show(vec![photo])], gallery);
    while !matches!(running.status.now().0, CameraState::Failed(_)) {
        thread::sleep(Duration::from_millis(5));
    }
    let CameraState::Failed(why) = running.status.now().0 else { panic!("it recovered too soon") };
    assert!(why.contains("made-up camera") && why.contains("ended"), "{why}");
    running.sightings.recv_timeout(LONG).unwrap();
    running.sightings.recv_timeout(LONG).unwrap();
    running.thread.join().unwrap();
    assert_eq!(running.opened.load(Ordering::SeqCst), 3);
    let report = running.status.report();
    assert_eq!(report.restarts, 2);
    assert!(report.last_error.unwrap().message.contains("ended"), "kept when it is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_newest_frame_is_looked_at() {
    let (photo, folder) = (frame_of("obama.jpg"), tempfile::tempdir().unwrap());
    let gallery = gallery_with_katya(&folder, &photo).await;
    let burst = 400;
    let running = watch(vec![Act::Show(vec![photo; burst])], gallery);
    let ids: Vec<u64> = running.sightings.iter().map(|sighting| sighting.frame.id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    assert!(ids.len() < burst / 2, "{} of {burst} frames were looked at", ids.len());
    assert_eq!(ids.last(), Some(&(burst as u64)), "the last frame is the newest");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_room_at_rest_few_frames_are_read_and_who_enters_is_seen() {
    let (somebody, folder) = (frame_of("obama.jpg"), tempfile::tempdir().unwrap());
    let gallery = gallery_with_katya(&folder, &somebody).await;
    let (width, height) = (somebody.width(), somebody.height());
    let empty = YuvImage::new(width, height, vec![128; YuvImage::len_for(width, height)]).unwrap();
    let entered = Arc::new(AtomicBool::new(false));
    let act = Act::Await { empty, somebody, entered: Arc::clone(&entered) };
    let running = watch_by(LookSettings { motion_gate: true, ..settings() }, vec![act], gallery);
    let next = || running.sightings.recv_timeout(LONG).unwrap();
    while next().work.unread == 0 {}
    let at_rest: Vec<_> = (0..4).map(|_| next()).collect();
    assert!(at_rest.iter().all(|sighting| sighting.work.unread > 0 && sighting.faces.is_empty()));
    entered.store(true, Ordering::SeqCst);
    let first = std::iter::repeat_with(next).find(|sighting| !sighting.faces.is_empty()).unwrap();
    assert_eq!(&*first.faces[0].nearest.as_ref().unwrap().name, "katya");
    // Some may have gone by before it was known.
    while next().work.unread > 0 {}
    assert!((0..4).all(|_| next().work.unread == 0), "all while somebody is there");
    running.stop.stop();
    while running.sightings.recv().is_ok() {}
    running.thread.join().unwrap();
    let report = running.status.report();
    let (seen, left) = (report.looked_at + report.still + report.dropped, 20);
    assert!(report.read >= seen && report.read - seen <= left, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_whose_camera_hangs_ends_when_it_is_told_to() {
    let (photo, folder) = (frame_of("obama.jpg"), tempfile::tempdir().unwrap());
    let running = watch(vec![Act::Hang], gallery_with_katya(&folder, &photo).await);
    while running.opened.load(Ordering::SeqCst) == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    assert!(!running.ended.load(Ordering::SeqCst));
    running.stop.stop();
    running.thread.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_when_nobody_takes_its_sightings() {
    let (photo, folder) = (frame_of("obama.jpg"), tempfile::tempdir().unwrap());
    let gallery = gallery_with_katya(&folder, &photo).await;
    let running = watch(vec![Act::Break(vec![photo; 5]), Act::Hang], gallery);
    drop(running.sightings);
    running.thread.join().unwrap();
}

/// A frame of 1920×1080 in which `photo` stands with a face 31 pixels wide; `None` for the empty room.
fn room(photo: Option<&YuvImage>) -> YuvImage {
    let (width, height) = (1920usize, 1080usize);
    let mut planes = vec![112; width * height];
    planes.resize(YuvImage::len_for(1920, 1080), 128);
    let Some(photo) = photo else { return YuvImage::new(1920, 1080, planes).unwrap() };
    // The mean of seven by seven pixels: the face is 220 wide before.
    let (across, down) = (photo.width() as usize, photo.height() as usize);
    let luma = |x: usize, y: usize| {
        let sum: u32 = (0..49).map(|n| u32::from(photo.luma()[(y * 7 + n / 7) * across + x * 7 + n % 7])).sum();
        (sum / 49) as u8
    };
    for y in 0..down / 7 {
        for x in 0..across / 7 {
            planes[(400 + y) * width + 1300 + x] = luma(x, y);
        }
    }
    YuvImage::new(1920, 1080, planes).unwrap()
}

/// Looks at `image` again and again, 100 ms apart by the frames' own clock, until somebody is seen or patience ends; says how many frames
/// it took.
fn frames_until_seen(
    look: &mut Look,
    image: &YuvImage,
    start: std::time::Instant,
    first: u32,
    most: u32,
) -> Option<u32> {
    (1..=most).find(|number| {
        let mut frame = Frame::new(image.clone(), u64::from(*number), Duration::ZERO, &Buffers::new());
        frame.read_at = start + Duration::from_millis(100) * (first + number);
        !look.at(frame).unwrap().faces.is_empty()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_face_is_found_by_tiles_in_turn_even_when_nothing_moves_any_more() {
    let (photo, folder) = (frame_of("obama.jpg"), tempfile::tempdir().unwrap());
    let gallery = gallery_with_katya(&folder, &photo).await;
    let (empty, somebody, start) = (room(None), room(Some(&photo)), std::time::Instant::now());
    let look = |tiles: Tiles| {
        let settings = LookSettings { tiles, motion_gate: true, ..settings() };
        Look::new(settings, engines(), gallery.clone())
    };
    assert_eq!(
        frames_until_seen(&mut look(Tiles::Off), &somebody, start, 0, 25),
        None,
        "too small for the whole frame"
    );
    let mut in_turn = look(Tiles::InTurn { columns: 4, rows: 3 });
    assert_eq!(frames_until_seen(&mut in_turn, &empty, start, 0, 25), None);
    // Nothing moves after this; the 2 s after which a still picture is looked at again are not needed.
    let took = frames_until_seen(&mut in_turn, &somebody, start, 25, 18);
    let took = took.expect("seen within one round of the tiles");
    // And stays there while other tiles have their turn, recognised.
    for number in (26 + u64::from(took)..).take(40) {
        let mut frame = Frame::new(somebody.clone(), number, Duration::ZERO, &Buffers::new());
        frame.read_at = start + Duration::from_millis(100 * number);
        let sighting = in_turn.at(frame).unwrap();
        assert_eq!(sighting.faces.len(), 1, "frame {number}");
        assert_eq!(&*sighting.faces[0].nearest.as_ref().unwrap().name, "katya");
    }
    let all = Tiles::All { columns: 4, rows: 3 };
    assert_eq!(frames_until_seen(&mut look(all), &somebody, start, 0, 3), Some(1));
}
