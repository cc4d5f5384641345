//! Stories on the local AWS, with the real binaries, the real template and the AWS SDK over the
//! wire. All of it is in `tests/e2e`, one binary: the stories share one local AWS and follow each
//! other.
