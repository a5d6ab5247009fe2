/// Unknown people, told from one another by their faces. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Visitors {}
