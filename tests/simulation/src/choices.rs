//! Where every choice of a run comes from: a seed, or the choices of an earlier run.
//!
//! A run is a function of its choices and nothing else. 0 is always the calm choice (no fault, the
//! oldest message, no person), so a run gets simpler as its choices become 0 or end early: that is
//! how a failing run is shrunk.

use std::cell::RefCell;
use std::rc::Rc;

#[derive(Debug)]
enum Source {
    Seed(u64),
    /// After the last one every choice is calm.
    Given {
        values: Rc<Vec<u32>>,
        next: usize,
    },
}

#[derive(Debug)]
struct Inner {
    source: Source,
    made: Vec<u32>,
    /// Whether instances are enrolled in schedules: a third of the seeds.
    schedules: bool,
}

/// The choices of one run; every clone draws from the same.
#[derive(Debug, Clone)]
pub struct Choices(Rc<RefCell<Inner>>);

impl Choices {
    /// The choices of a seed.
    pub fn of_seed(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike.
        Self::new(Source::Seed(mix(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))))
            .with_schedules(matches!(seed % 6, 3 | 5))
    }

    /// The same choices in a world with schedules, or in one without.
    pub fn with_schedules(self, schedules: bool) -> Self {
        self.0.borrow_mut().schedules = schedules;
        self
    }

    /// Whether instances are enrolled in schedules.
    pub fn schedules(&self) -> bool {
        self.0.borrow().schedules
    }

    /// These choices, then calm ones.
    pub fn given(values: Vec<u32>) -> Self {
        Self::new(Source::Given { values: Rc::new(values), next: 0 })
    }

    /// Calm ones only.
    pub fn calm() -> Self {
        Self::given(Vec::new())
    }

    fn new(source: Source) -> Self {
        Self(Rc::new(RefCell::new(Inner {
            source,
            made: Vec::with_capacity(1024),
            schedules: false,
        })))
    }

    /// A number below `n`; 0 is the calm one.
    pub fn below(&self, n: u32) -> u32 {
        if n <= 1 {
            return 0;
        }
        let mut inner = self.0.borrow_mut();
        let value = match &mut inner.source {
            Source::Seed(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                // The upper half of 64 bits, scaled: the remainder fits 32 bits.
                u32::try_from(((mix(*state) >> 32) * u64::from(n)) >> 32).unwrap_or(0)
            }
            Source::Given { values, next } => {
                let value = values.get(*next).copied().unwrap_or(0);
                *next += 1;
                value.min(n - 1)
            }
        };
        inner.made.push(value);
        value
    }

    /// Whether something happens that happens so often in ten thousand.
    pub fn often(&self, per_ten_thousand: u32) -> bool {
        per_ten_thousand > 0 && (1..=per_ten_thousand).contains(&self.below(10_001))
    }

    /// One of these; the first is the calm one.
    pub fn one_of<'a, T>(&self, options: &'a [T]) -> &'a T {
        let count = u32::try_from(options.len()).expect("few options");
        &options[usize::try_from(self.below(count)).expect("a small number")]
    }

    /// A place in a list of this length.
    pub fn place(&self, length: usize) -> usize {
        usize::try_from(self.below(u32::try_from(length).expect("a short list")))
            .expect("a small number")
    }

    /// A number of seconds from `low` up to and with `high`.
    pub fn seconds(&self, low: i64, high: i64) -> i64 {
        low + i64::from(self.below(u32::try_from(high - low + 1).expect("a few weeks at most")))
    }

    /// Every choice that was made so far.
    pub fn made(&self) -> Vec<u32> {
        self.0.borrow().made.clone()
    }
}

/// The finishing step of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_repeated_by_its_choices() {
        let seeded = Choices::of_seed(7);
        let first: Vec<u32> = (2..200).map(|n| seeded.below(n)).collect();
        let again = Choices::given(seeded.made());
        let second: Vec<u32> = (2..200).map(|n| again.below(n)).collect();
        assert_eq!(first, second);
        assert_eq!(again.below(9), 0, "after the last one they are calm");
    }

    #[test]
    fn calm_choices_are_the_first_and_never_happen() {
        let calm = Choices::calm();
        assert_eq!(*calm.one_of(&["first", "second"]), "first");
        assert!(!calm.often(10_000));
        assert_eq!(calm.seconds(5, 9), 5);
    }

    #[test]
    fn something_happens_about_as_often_as_it_is_said() {
        let choices = Choices::of_seed(1);
        let hits = (0..100_000).filter(|_| choices.often(500)).count();
        assert!((4_500..5_500).contains(&hits), "{hits}");
    }
}
