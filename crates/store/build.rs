//! `sqlx::migrate!` reads the folder at compile time; a new file in it must cause a new build.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
