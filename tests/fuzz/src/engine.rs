//! The search: run, keep what is new, change what was kept.

use crate::attempt::attempt;
use crate::minimise::minimise;
use crate::mutate::Mutator;
use crate::rng::Rng;
use crate::target::{Broken, Target};
use std::collections::{BTreeMap, VecDeque};
use std::io;

/// Outcomes that are told apart. More would mean that the words of a target say too much.
const SIGNATURES_MAX: usize = 20_000;

/// The search for inputs of one target that break a law. The same seed tries the same inputs in the
/// same order.
#[derive(Debug)]
pub struct Fuzzer {
    target: Target,
    seed: u64,
    rng: Rng,
    mutator: Mutator,
    /// Inputs to try as they are, before any is changed.
    first: VecDeque<Vec<u8>>,
    corpus: Vec<Vec<u8>>,
    /// The place in the corpus of the shortest input that led there.
    signatures: BTreeMap<String, usize>,
    runs: u64,
}

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Inputs tried.
    pub runs: u64,
    /// Different outcomes.
    pub signatures: usize,
}

/// An input that breaks a law.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The target.
    pub target: &'static str,
    /// The seed that the search began with.
    pub seed: u64,
    /// The number of the run that found it, from 1.
    pub run: u64,
    /// The input, as short as it got.
    pub input: Vec<u8>,
    /// What it breaks.
    pub broken: Broken,
}

impl Fuzzer {
    /// A search from the target's own inputs.
    pub fn new(target: Target, seed: u64) -> io::Result<Self> {
        Ok(Self {
            first: (target.seeds)()?.into(),
            rng: Rng::for_name(seed, target.name),
            mutator: Mutator::new(target.longest),
            target,
            seed,
            corpus: Vec::new(),
            signatures: BTreeMap::new(),
            runs: 0,
        })
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How far it is.
    pub fn tally(&self) -> Tally {
        Tally { runs: self.runs, signatures: self.signatures.len() }
    }

    /// The outcomes so far, each with the shortest input that led there.
    pub fn signatures(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.signatures.iter().map(|(signature, at)| {
            (signature.as_str(), self.corpus.get(*at).map(Vec::as_slice).unwrap_or_default())
        })
    }

    /// Tries one input. `before` is told of every input before it is run, those of the minimisation
    /// too.
    pub fn step(&mut self, before: &mut dyn FnMut(&[u8])) -> Option<Finding> {
        let input = match self.first.pop_front() {
            Some(input) => input,
            None => self.mutator.input(&self.corpus, &mut self.rng),
        };
        self.runs = self.runs.saturating_add(1);
        before(&input);
        match attempt(&self.target, &input) {
            Ok(signature) => {
                self.keep(signature, input);
                None
            }
            Err(broken) => Some(self.finding(&input, broken, before)),
        }
    }

    fn keep(&mut self, signature: String, input: Vec<u8>) {
        if let Some(at) = self.signatures.get(&signature) {
            if let Some(kept) = self.corpus.get_mut(*at).filter(|kept| kept.len() > input.len()) {
                *kept = input;
            }
        } else if self.signatures.len() < SIGNATURES_MAX {
            self.signatures.insert(signature, self.corpus.len());
            self.corpus.push(input);
        }
    }

    /// Makes it short, as long as the same law is broken.
    fn finding(&self, input: &[u8], broken: Broken, before: &mut dyn FnMut(&[u8])) -> Finding {
        let input = minimise(input, |candidate| {
            before(candidate);
            attempt(&self.target, candidate).is_err_and(|other| other.law == broken.law)
        });
        let broken = attempt(&self.target, &input).err().unwrap_or(broken);
        Finding { target: self.target.name, seed: self.seed, run: self.runs, input, broken }
    }
}
